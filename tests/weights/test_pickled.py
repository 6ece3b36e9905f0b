"""What PyTorch saves is read without it, and nothing in it runs or grows."""

import io
import os
import pickle
import pickletools
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from dljax.weights import opcodes
from dljax.weights.files import read
from tests.weights.torch_files import Saved, save, save_legacy, tensors

TYPES = ['float16', 'bfloat16', 'float32', 'float64', 'int64', 'uint8', 'bool']
SOME = {'a': np.arange(6.0).reshape(2, 3), 'b.c': np.ones(2, np.float32)}


def assert_same(left: dict, right: dict) -> None:
    assert list(left) == list(right)
    for name in left:
        assert left[name].dtype == right[name].dtype
        assert left[name].shape == right[name].shape
        assert left[name].tobytes() == right[name].tobytes()


def form(kind: str) -> Callable[[Path, Any], None]:
    def write(path: Path, content: Any) -> None:
        if kind == 'legacy':
            save_legacy(path, content)
        else:
            save(path, content, protocol=int(kind))

    return write


@pytest.mark.parametrize('kind', ['2', '4', '5', 'legacy'])
def test_tensors_come_bit_for_bit(tmp_path: Path, kind: str) -> None:
    numbers = np.random.default_rng(0).normal(size=(2, 3, 4)) * 100
    there = {f'x.{name}': numbers.astype(jnp.dtype(name)) for name in TYPES}
    there |= {'scalar': np.float32(3)[...], 'none': np.zeros((0, 3))}
    form(kind)(tmp_path / 'a.pt', tensors(there))
    assert_same(read(tmp_path / 'a.pt'), there)


@pytest.mark.parametrize('suffix', ['.pt', '.pth', '.ckpt', '.bin', '.CKPT'])
def test_every_suffix_of_pytorch_is_read(tmp_path: Path, suffix: str) -> None:
    save(tmp_path / f'a{suffix}', tensors(SOME))
    assert_same(read(tmp_path / f'a{suffix}'), SOME)


@pytest.mark.parametrize('order', ['little', 'big'])
def test_numbers_of_either_byte_order_are_read(tmp_path: Path, order: str) -> None:
    wanted = {'a': np.arange(5, dtype=np.float32), 'b': np.arange(5, dtype=np.int16)}
    save(tmp_path / 'a.pt', tensors(wanted), order=order)
    assert_same(read(tmp_path / 'a.pt'), wanted)


def test_views_share_their_storage(tmp_path: Path) -> None:
    whole = np.arange(12.0)
    views = {
        'turned': Saved(whole, shape=(3, 4), strides=(1, 3), size=12),
        'part': Saved(whole, shape=(2,), strides=(5,), offset=6),
        'wide': Saved(np.ones(1), shape=(1000, 1000), strides=(0, 0)),
    }
    save(tmp_path / 'a.pt', views)
    found = read(tmp_path / 'a.pt')
    np.testing.assert_array_equal(found['turned'], whole.reshape(4, 3).T)
    assert found['part'].tolist() == [6, 11]
    assert found['wide'].shape == (1000, 1000) and found['wide'].min() == 1


@pytest.mark.parametrize(
    'place',
    [
        {'epoch': 3, 'state_dict': ...},
        {'model': ..., 'optimizer': {'state': {0: {}}, 'param_groups': [{'lr': 0.1}]}},
        {'model_state_dict': ..., 'loss': 0.3, 'history': [1, 2]},
        {'checkpoint': {'state_dict': ...}, 'args': None},
        {'model': ..., 'ema': {'a': Saved(np.zeros(2))}},  # averages are not taken
        {'state_dict': ..., 'model': {'a': Saved(np.zeros(2))}},
        {'module': ..., 'ds_version': '1', 'step': Saved(np.zeros(()))},
    ],
    ids=lambda place: '+'.join(place),
)
def test_the_state_dict_of_a_checkpoint_is_found(tmp_path: Path, place: dict) -> None:
    def filled(part: Any) -> Any:
        if part is ...:
            return tensors(SOME)
        if isinstance(part, dict):
            return {name: filled(value) for name, value in part.items()}
        return part

    save(tmp_path / 'a.ckpt', filled(place))
    assert_same(read(tmp_path / 'a.ckpt'), SOME)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ({'generator': ..., 'discriminator': ...}, "here .'generator', 'discrim"),
        ({'epoch': 3}, "holds 'epoch': int, wanted tensors by name"),
        ([1, 2], 'holds list, wanted tensors'),
        ({}, 'wanted tensors'),
    ],
    ids=str,
)
def test_what_holds_no_one_state_dict_is_refused(
    tmp_path: Path, content: Any, message: str
) -> None:
    if isinstance(content, dict):
        content = {
            name: tensors(SOME) if part is ... else part
            for name, part in content.items()
        }
    save(tmp_path / 'a.pt', content)
    with pytest.raises(ValueError, match=f'a.pt is refused: .*{message}'):
        read(tmp_path / 'a.pt')


class Evil:
    """Makes a folder where it is unpickled."""

    def __init__(self, call: Callable, *arguments: Any) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple:
        """Call it."""
        return self.call, self.arguments


@pytest.mark.parametrize('kind', ['2', '4', 'legacy'])
@pytest.mark.parametrize('place', ['alone', 'beside', 'key'])
def test_nothing_that_a_pickle_names_runs(
    tmp_path: Path, kind: str, place: str
) -> None:
    evil = Evil(os.mkdir, str(tmp_path / 'done'))
    content = {
        'alone': evil,
        'beside': {'state_dict': tensors(SOME), 'hook': evil},
        'key': {('a', evil): 1},
    }[place]
    form(kind)(tmp_path / 'a.pt', content)
    with pytest.raises(ValueError, match='a.pt is refused: it holds Python objects'):
        read(tmp_path / 'a.pt')
    assert not (tmp_path / 'done').exists()


@pytest.mark.parametrize(
    'program',
    [
        b'cbuiltins\neval\n(X\x01\x00\x00\x001tR.',
        b'ccollections\nOrderedDict\n)\x81(tR.',  # calls what it has made
        b'ctorch._utils\n_rebuild_tensor_v2.__globals__\n.',
        b'ctorch\nload\n.',
        b'ctorch.storage\n_load_from_bytes\n(C\x01atR.',
        b'(X\x01\x00\x00\x001ibuiltins\neval\n.',  # INST
        b'ccollections\ndefaultdict\n(cbuiltins\neval\ntR.',
        b'\x82\x01.',  # an extension
    ],
    ids=lambda program: program[:30].decode('latin-1'),
)
def test_no_instruction_leads_to_code(program: bytes) -> None:
    with pytest.raises(ValueError):
        opcodes.load(io.BytesIO(b'\x80\x02' + program))


@pytest.mark.parametrize(
    'program',
    [
        b'.',
        b'0.',
        b'h\x01.',
        b'(u.',
        b'(K\x01u.',
        b'}(K\x01u.',
        b'K\x01K\x02s.',
        b'K\x01Q.',
        b'ctorch._utils\n_rebuild_tensor_v2\n)R.',
        b'ctorch\nSize\nK\x01\x85R.',
        b']K\x01',
    ],
    ids=str,
)
def test_a_damaged_program_is_an_error_of_values(program: bytes) -> None:
    with pytest.raises(ValueError):
        opcodes.load(io.BytesIO(b'\x80\x02' + program))


def test_no_program_takes_long_or_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opcodes, 'MOST', 2**16)
    twice = b'K\x01\x85q\x00' + b'0h\x00h\x00\x86q\x00' * 200  # of 2^200 leaves
    key = b'}' + twice + b'K\x01s.'
    assert list(opcodes.load(io.BytesIO(b'\x80\x02' + key))) != []
    memo = b'K\x01r\xff\xff\xff\x7f.'  # a place far away in the memo
    assert opcodes.load(io.BytesIO(b'\x80\x02' + memo)) == 1
    copies = b'(' + b'K\x01K\x01\x86' * 1000 + b'lq\x00'
    copies += b'0ccollections\nOrderedDict\n(h\x00tR' * 1000 + b'.'
    assert opcodes.load(io.BytesIO(b'\x80\x02' + copies)) == {}
    with pytest.raises(ValueError, match='in more than 65,536 bytes'):
        opcodes.load(io.BytesIO(b'\x80\x02' + b'N0' * 2**15 + b'N.'))


@pytest.mark.parametrize('opcode', [b'\x8d', b'\x8e', b'\x96'], ids=bytes.hex)
def test_no_text_takes_more_room_than_it_holds(tmp_path: Path, opcode: bytes) -> None:
    path = tmp_path / 'a.ckpt'
    path.write_bytes(b'\x80\x04' + opcode + (2**60).to_bytes(8, 'little') + b'short.')
    with pytest.raises(
        ValueError, match='is refused: it describes its tensors in more'
    ):
        read(path)


@pytest.mark.parametrize(
    ('lie', 'message'),
    [
        ({'shape': (9,), 'strides': (1,)}, 'a reaches beyond its storage of 6'),
        ({'offset': 1}, 'a reaches beyond its storage'),
        ({'strides': (3, 9)}, 'a reaches beyond its storage'),
        ({'strides': (-3, 1)}, 'a tensor has offset 0'),
        ({'offset': 2**62}, 'a reaches beyond its storage'),
        ({'size': 2**40}, 'a storage of 1,099,511,627,776 numbers that has 48 bytes'),
        ({'size': 5}, 'a storage of 5 numbers that has 48 bytes'),
        ({'shape': (2**20, 2**20), 'strides': (0, 0)}, 'declare arrays of 8,796,093,'),
        ({'key': '../secret'}, None),
    ],
    ids=str,
)
def test_a_tensor_that_lies_is_refused(
    tmp_path: Path, lie: dict, message: str | None
) -> None:
    save(tmp_path / 'a.pt', {'a': Saved(np.arange(6.0).reshape(2, 3), **lie)})
    if message is None:  # a name in the archive, no more
        assert read(tmp_path / 'a.pt')['a'].shape == (2, 3)
        return
    with pytest.raises(ValueError, match=message):
        read(tmp_path / 'a.pt')


def test_what_is_packed_damaged_or_a_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / 'a.pt'
    save(path, tensors({'a': np.zeros(2**22, np.uint8)}), packed=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2**14
    with pytest.raises(ValueError, match='in it is compressed, wanted.*as they are'):
        read(path)
    save(path, tensors({'a': np.arange(100.0)}))
    content = bytearray(path.read_bytes())
    content[content.index(np.arange(50.0, 100.0).tobytes()) + 7] ^= 4
    path.write_bytes(content)
    with pytest.raises(ValueError, match='CRC'):
        read(path)
    save(path, tensors(SOME))
    with zipfile.ZipFile(path, 'a') as archive:
        archive.writestr('archive/constants.pkl', b'')
    with pytest.raises(ValueError, match='is a program of TorchScript'):
        read(path)
    np.savez(tmp_path / 'b.npz', a=np.ones(2))
    for name in ('b.pt', 'b.ckpt', 'b.bin'):
        (tmp_path / name).write_bytes((tmp_path / 'b.npz').read_bytes())
        with pytest.raises(ValueError, match='no whole PyTorch .*holds no data.pkl'):
            read(tmp_path / name)
    (tmp_path / 'c.bin').write_bytes(b'\x89HDF' + bytes(90))
    with pytest.raises(ValueError, match='begins as HDF5'):
        read(tmp_path / 'c.bin')


def test_a_stream_that_lies_about_its_storages_is_refused(tmp_path: Path) -> None:
    path = tmp_path / 'a.pt'
    save_legacy(path, {'a': Saved(np.arange(6.0), size=2**40)})
    with pytest.raises(ValueError, match='storage 0 declares more than the file holds'):
        read(path)
    save_legacy(path, tensors(SOME))
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ValueError, match='storage 1 declares more'):
        read(path)
    path.write_bytes(pickle.dumps({'a': 1}, 2))
    with pytest.raises(ValueError, match='does not begin as those files do'):
        read(path)


def test_harmless_words_beside_the_tensors_are_passed_over(tmp_path: Path) -> None:
    import argparse
    from collections import Counter, defaultdict

    beside = {
        'args': argparse.Namespace(lr=0.1, betas=(0.9, 0.99), names={'a', 'b'}),
        'best': np.float64(0.3),
        'steps': Counter({1: 2}),
        'plain': defaultdict(None, {1: 2}),
        'complex': 1j,
        'bytes': bytearray(b'ab'),
    }
    for protocol in (2, 4):
        save(
            tmp_path / 'a.pt',
            {'state_dict': tensors(SOME), **beside},
            protocol=protocol,
        )
        assert_same(read(tmp_path / 'a.pt'), SOME)


def test_every_instruction_is_known_or_refused() -> None:
    for code in pickletools.opcodes:
        try:
            opcodes._step(code.name, 'collections OrderedDict', [{}, (), ()], {})
        except ValueError as error:
            assert str(error)
