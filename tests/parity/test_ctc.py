"""The loss of unaligned labels and its gradient equal torch's."""

import jax
import numpy as np
import torch

from dljax.losses import ctc_loss


def test_losses_and_gradients_equal_those_of_torch() -> None:
    rng = np.random.default_rng(0)
    logits = 2 * rng.normal(size=(8, 30, 9)).astype(np.float32)
    frames = np.array([30, 30, 25, 17, 9, 8, 2, 3])
    counts = np.array([10, 0, 7, 8, 3, 4, 2, 2])
    labels = rng.integers(0, 8, (8, 10))
    labels[2, :4] = 3  # repeats
    labels[6, :2] = 5  # which two frames cannot give
    blank = 8
    given = torch.tensor(logits, requires_grad=True)
    theirs = torch.nn.functional.ctc_loss(
        given.log_softmax(-1).transpose(0, 1),
        torch.tensor(labels),
        torch.tensor(frames),
        torch.tensor(counts),
        blank=blank,
        reduction='none',
    )
    possible = np.arange(8) != 6
    theirs[torch.tensor(possible)].sum().backward()

    def total(logits: jax.Array) -> tuple:
        loss = ctc_loss(
            logits, labels, lengths=frames, label_lengths=counts, blank=blank
        )
        return loss[possible].sum(), loss

    gradient, ours = jax.jit(jax.grad(total, has_aux=True))(logits)
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-4)
    assert np.isinf(ours[6])
    wanted = given.grad.numpy()[possible]
    np.testing.assert_allclose(gradient[possible], wanted, rtol=1e-3, atol=1e-5)
    # Torch's is NaN there, although its loss is left out.
    assert not np.asarray(gradient)[6].any()
