"""Image translation learned without pairs: two ways that undo each other (U4.2)."""

from flax import linen as nn
from jax.typing import DTypeLike

from dljax.layers import ImagePool, Normalise, instance_norm, typed
from dljax.models.patch_discriminator import PatchDiscriminator
from dljax.models.resnet_generator import ResNetGenerator
from dljax.types import Array


class CycleTranslation(nn.Module):
    """Two translators and two critics, each a parameter group of the field's name.

    What the critics are shown of made images goes through `pool_a` and `pool_b`, which
    lie in the collection 'image_pool'.

    Attributes:
        generator_ab: `(image of A, train) -> image of B`.
        generator_ba: `(image of B, train) -> image of A`.
        discriminator_a: `(image, train) -> logits`, large for images of A.
        discriminator_b: `(image, train) -> logits`, large for images of B.
        pool: made images that are kept for each critic; 0 for none.
        dtype: the type of the computation of all; None leaves each its own.
        param_dtype: the type of all parameters; None leaves each its own.

    Raises:
        ValueError: for a pool below 0.
    """

    generator_ab: nn.Module
    generator_ba: nn.Module
    discriminator_a: nn.Module
    discriminator_b: nn.Module
    pool: int = 50
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike | None = None

    def __post_init__(self) -> None:
        """Check the settings and hand the types on to the parts."""
        ImagePool(self.pool, parent=None)
        types = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        self.generator_ab = typed(self.generator_ab, **types)
        self.generator_ba = typed(self.generator_ba, **types)
        self.discriminator_a = typed(self.discriminator_a, **types)
        self.discriminator_b = typed(self.discriminator_b, **types)
        super().__post_init__()

    def setup(self) -> None:
        """Make the pools."""
        self.pool_a = ImagePool(self.pool)
        self.pool_b = ImagePool(self.pool)

    def __call__(
        self, a: Array, b: Array, *, train: bool = False
    ) -> tuple[Array, Array, Array, Array]:
        """Translate images both ways, and judge what was made; the pools stay.

        Args:
            a: [batch, height, width, channel] float in [-1, 1].
            b: [batch', height', width', channel'] float in [-1, 1], any others.
            train: passed on to all.

        Returns:
            What becomes of `a` in B and of `b` in A, and the logits of both.
        """
        into_b = self.generator_ab(a, train=train)
        into_a = self.generator_ba(b, train=train)
        return (
            into_b,
            into_a,
            self.discriminator_b(into_b, train=train),
            self.discriminator_a(into_a, train=train),
        )


def cyclegan(
    channels: tuple[int, int] = (3, 3),
    width: int = 64,
    blocks: int = 9,
    halvings: int = 2,
    patch_width: int = 64,
    patch_halvings: int = 3,
    normalise: Normalise | None = instance_norm,
    pool: int = 50,
) -> CycleTranslation:
    """Make CycleGAN, which learns to translate from images of A and others of B.

    11,378,179 parameters in either generator and 2,764,737 in either discriminator at
    the default settings. The 70x70 discriminators judge patches, see
    `PatchDiscriminator`.

    Args:
        channels: of the images of A and of B.
        width: channels of the generators' first layer.
        blocks: residual ones of the generators.
        halvings: of the side in the generators.
        patch_width: channels of the discriminators' first layer.
        patch_halvings: of the side in the discriminators.
        normalise: `instance_norm`, `batch_norm`, or None for none, of all nets.
        pool: made images that are kept for each discriminator.

    Returns:
        The net; its initialisers are the paper's, normal with standard deviation 0.02.

    Raises:
        ValueError: for sizes out of range.

    Reference:
        Zhu et al. (2017), Unpaired Image-to-Image Translation using Cycle-Consistent
        Adversarial Networks, https://arxiv.org/abs/1703.10593

    Example:
        >>> cyclegan(blocks=6).generator_ab.blocks
        6
    """
    if len(channels) != 2:
        raise ValueError(f'channels is {channels}, wanted those of A and of B')
    of_a, of_b = channels
    critic = PatchDiscriminator(patch_width, patch_halvings, normalise)
    return CycleTranslation(
        ResNetGenerator(of_b, width, blocks, halvings, normalise),
        ResNetGenerator(of_a, width, blocks, halvings, normalise),
        critic,
        critic.copy(),  # Linen takes one instance in two places for shared weights
        pool,
    )


def cyclegan_small(
    channels: tuple[int, int] = (3, 3),
    width: int = 16,
    blocks: int = 3,
    halvings: int = 1,
    patch_width: int = 16,
    patch_halvings: int = 2,
    normalise: Normalise | None = instance_norm,
    pool: int = 50,
) -> CycleTranslation:
    """Make CycleGAN for images of 28 to 64 pixels.

    Args:
        channels: of the images of A and of B.
        width: channels of the generators' first layer.
        blocks: residual ones of the generators.
        halvings: of the side in the generators.
        patch_width: channels of the discriminators' first layer.
        patch_halvings: of the side in the discriminators: 2 for patches of 34 pixels.
        normalise: as in `cyclegan`.
        pool: made images that are kept for each discriminator.

    Returns:
        The net.

    Raises:
        ValueError: for sizes out of range.

    Reference:
        Zhu et al. (2017), Unpaired Image-to-Image Translation using Cycle-Consistent
        Adversarial Networks, https://arxiv.org/abs/1703.10593

    Example:
        >>> cyclegan_small(channels=(1, 3)).generator_ba.channels
        1
    """
    return cyclegan(
        channels,
        width,
        blocks,
        halvings,
        patch_width,
        patch_halvings,
        normalise,
        pool,
    )
