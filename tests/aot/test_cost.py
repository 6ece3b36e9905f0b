"""Operations and collectives of compiled programs, against counts by hand."""

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from dljax.aot import cost_of
from dljax.aot.hlo import read_module, read_shapes


def flops(function, *shapes):
    arrays = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    return cost_of(jax.jit(function).lower(*arrays).compile().as_text()).flops


def test_a_product_counts_two_for_each_term():
    assert flops(lambda x, y: x @ y, (3, 5), (5, 7)) == 2 * 3 * 5 * 7
    batched = flops(lambda x, y: jnp.einsum('bij,bjk->bik', x, y), (2, 3, 5), (2, 5, 7))
    assert batched == 2 * 2 * 3 * 5 * 7


@pytest.mark.parametrize(
    ('strides', 'padding', 'spread', 'dilation', 'groups'),
    [
        ((1, 1), 'VALID', (1, 1), (1, 1), 1),
        ((2, 1), 'SAME', (1, 1), (1, 1), 1),
        ((1, 1), [(2, 2), (2, 2)], (2, 2), (1, 1), 1),
        ((1, 2), 'SAME', (1, 1), (2, 1), 2),
    ],
)
def test_a_convolution_counts_what_meets_a_number(
    strides, padding, spread, dilation, groups
):
    """Of ones, the outputs are the numbers of terms."""
    layout = ('NHWC', 'HWIO', 'NHWC')

    def convolve(images, kernel):
        return lax.conv_general_dilated(
            images,
            kernel,
            strides,
            padding,
            spread,
            dilation,
            layout,
            feature_group_count=groups,
        )

    shapes = (2, 9, 8, 4), (3, 3, 4 // groups, 6)
    terms = float(convolve(*map(jnp.ones, shapes)).sum())
    assert flops(convolve, *shapes) == 2 * terms


LIBRARIES = """HloModule called

ENTRY %main (x: f32[2,9,9,4], w: f32[6,3,3,4], g: f32[2,5,5,6]) -> f32[2,8] {
  %x = f32[2,9,9,4]{3,2,1,0} parameter(0)
  %w = f32[6,3,3,4]{3,2,1,0} parameter(1)
  %g = f32[2,5,5,6]{3,2,1,0} parameter(2)
  %y = (RESULT{3,2,1,0}, u8[0]{0}) custom-call(TAKEN), CUDNN
  %m = f32[2,8]{1,0} parameter(3)
  ROOT %z = (f32[8,8]{1,0}, s8[9]{0}) custom-call(%m, %m), CUBLAS
}
"""
CUDNN = (
    'window={size=3x3 stride=2x2 pad=1_1x1_1}, dim_labels=b01f_o01i->b01f, '
    'custom_call_target="__cudnn$convKIND", metadata={op_name="x"}'
)
CUBLAS = (
    'custom_call_target="__cublas$lt$matmul", backend_config={"gemm_backend_config":'
    '{"beta":0,"dot_dimension_numbers":{"lhs_contracting_dimensions":["0"]}}}'
)


@pytest.mark.parametrize(
    ('kind', 'taken', 'result'),
    [
        ('BiasActivationForward', '%x, %w', 'f32[2,5,5,6]'),
        ('BackwardInput', '%g, %w', 'f32[2,9,9,4]'),
        ('BackwardFilter', '%x, %g', 'f32[6,3,3,4]'),
    ],
)
def test_what_is_left_to_the_libraries_of_a_gpu_is_counted(kind, taken, result):
    text = LIBRARIES.replace('CUDNN', CUDNN.replace('KIND', kind))
    text = text.replace('CUBLAS', CUBLAS).replace('TAKEN', taken)
    rows = 5 * 3 - 2  # of five windows of three, two stick out by one
    convolution = 2 * 2 * 6 * 4 * rows**2
    product = 2 * 8 * 8 * 2
    assert cost_of(text.replace('RESULT', result)).flops == convolution + product


def test_loops_count_as_often_as_they_turn_and_branches_by_the_dearest():
    def nested(x):
        def outer(x, _):
            return lax.fori_loop(0, 3, lambda _, x: x @ x, x), None

        return lax.scan(outer, x, length=5)[0]

    assert flops(nested, (4, 4)) == 15 * 2 * 4**3

    def branches(flag, x):
        return lax.cond(flag[0] > 0, lambda x: x @ x, lambda x: x @ x @ x, x)

    assert flops(branches, (1,), (4, 4)) == 2 * 2 * 4**3


LOOP = """HloModule steps

%body (p: (s32[], f32[4,4], s32[])) -> (s32[], f32[4,4], s32[]) {
  %p = (s32[]{:T(128)}, f32[4,4]{1,0:T(8,128)}, s32[]) parameter(0)
  %i = s32[]{:T(128)} get-tuple-element(%p), index=0
  %x = f32[4,4]{1,0} get-tuple-element(%p), index=1
  %n = s32[] get-tuple-element(%p), index=2
  %by = s32[] constant(STEP)
  %next = s32[] add(%i, %by)
  %square = f32[4,4]{1,0:T(8,128)} convolution(%x, %x), dim_labels=bf_io->bf
  ROOT %t = (s32[], f32[4,4]{1,0}, s32[]) tuple(%next, %square, /*index=2*/%n)
}

%less (a: s32[], b: s32[]) -> pred[] {
  %a = s32[] parameter(0)
  %b = s32[] parameter(1)
  ROOT %lt = pred[] compare(%a, %b), direction=LT
}

%condition (q: (s32[], f32[4,4], s32[])) -> pred[] {
  %q = (s32[], f32[4,4]{1,0}, s32[]) parameter(0)
  %j = s32[] get-tuple-element(%q), index=0
  %m = s32[] get-tuple-element(%q), index=2
  ROOT %f = pred[] fusion(%j, %m), kind=kLoop, calls=%less
}

ENTRY %main (x.1: f32[4,4], k: s32[]) -> f32[4,4] {
  %x.1 = f32[4,4]{1,0} parameter(0)
  %k = s32[] parameter(1)
  %first = s32[] constant(1)
  %c = s32[] copy(%first)
  %last = s32[] constant(11)
  %start = (s32[], f32[4,4]{1,0}, s32[]) tuple(%c, %x.1, LAST)
  %w = (s32[], f32[4,4]{1,0}, s32[]) while(%start), condition=%condition, body=%body
  ROOT %y = f32[4,4]{1,0} get-tuple-element(%w), index=1
}
"""


@pytest.mark.parametrize(('step', 'turns'), [(1, 10), (3, 4)])
def test_the_turns_of_a_loop_are_read_from_the_loop_itself(step, turns):
    """As the TPU's compiler leaves it, which does not note them."""
    text = LOOP.replace('STEP', str(step)).replace('LAST', '%last')
    cost = cost_of(text)
    assert cost.flops == turns * 2 * 4**3 and cost.unknown_loops == ()


def test_a_loop_whose_turns_are_not_known_is_named():
    cost = cost_of(LOOP.replace('STEP', '1').replace('LAST', '%k'))
    assert cost.flops == 2 * 4**3 and cost.unknown_loops == ('w',)


COLLECTIVES = """HloModule sent

%gather (v: f32[2,3]) -> f32[8,3] {
  %v = f32[2,3]{1,0} parameter(0)
  ROOT %g = f32[8,3]{1,0} all-gather(%v), replica_groups=[1,4]<=[4], dimensions={0}
}

ENTRY %main (a: f32[2,3], b: bf16[5]) -> f32[8,3] {
  %a = f32[2,3]{1,0} parameter(0)
  %b = bf16[5]{0} parameter(1)
  %r = (f32[2,3]{1,0}, bf16[5]{0}) all-reduce(%a, %b), to_apply=%sum
  %s = (f32[2,3]{1,0}, f32[8,3]{1,0}) all-gather-start(%a), dimensions={0}
  %d = f32[8,3]{1,0} all-gather-done(%s)
  %u = ((f32[2,3]), f32[8,3], u32[]) async-start(%a), calls=%gather
  ROOT %z = f32[8,3]{1,0} async-done(%u), calls=%gather
}
"""


def test_collectives_are_counted_once_each_with_the_bytes_of_whole_arrays():
    found = cost_of(COLLECTIVES).collectives
    assert (found['all-reduce'].count, found['all-reduce'].bytes) == (1, 4 * 6 + 10)
    assert (found['all-gather'].count, found['all-gather'].bytes) == (2, 2 * 4 * 24)


def test_shapes_are_read_with_layouts_and_small_types():
    shapes = read_shapes('(f8e4m3fn[4]{0}, pred[3]{0:T(256)}, s4[3]{0}, bf16[<=2,0])')
    assert [shape.bytes for shape in shapes] == [4, 3, 2, 0]


def test_a_text_that_is_no_program_is_refused():
    with pytest.raises(ValueError, match='no ENTRY'):
        read_module('HloModule empty')
