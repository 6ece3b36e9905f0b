"""Files of weights come back bit for bit, or are refused with the reason."""

import base64
import json
import os
import struct
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.weights import files, h5, reference
from dljax.weights.files import read, write
from dljax.weights.refusal import Refusal

# Three arrays as Keras 3 lays them out, four bytes of which were replaced: libhdf5 1.14
# never comes back from a group of it.
CIRCLES = r"""
c-rln&rcIU6vt;~*{}tgmc)c=NT@Nz-YiiQZbG242LePr^k!>p!a)g<#NbJfHR0fK{{)U6J#gU2pW%@s
|3P(k-fTM$`onFL*7o~Jn#b(E&P-;$yqS5^@Ba47^xT6v5#o7bMr1`hO``JLE}QpNvXX3r?71?}W%Mpb
&ljnF?)T<Zxg2^o8K#}zuC|^4Bj#)rjr!%ygV0u}Y*c!sY`+h+FZE9+Ej{`Jw%bX+zN5>BZh!i{PTBni
(*@VB(Nn{<{odD)PU^<KU5j<Rk+9v@d;8m=f=%4aJ9fP0ItKq12M%U+`8d^I9Joni9YY+ry^j4z*?ymE
;VL$~bxg+r73;1zYsUeu<9MBVWcwAV>=*iLw>fcfz_H>$mPTqlWABH1#ewrY_5+9mxAy}<+V(4vU1R60
VeJP>^LD)zDxan?N8K>%KOe6Jni(lvaqsUaAJsmF+c|Mx%IF)}c&t5Z+(R2=T7U0s?eEIA03lgCt&vqs
7w=d<FEf~{@mz_PF(m*10001B!uGfTfFy+Z1KD=4m!hbxlGeH3VR-;2wz=r5i}@8X6Ftd`B~L7UrT4Dz
qW4Pa3O&j|IWl;xJ#wr^rz0H?p1%%Oy8D~F>dixFsk^T9JWDB=eg@UiPtwr>>p^48#^dgLJ$}#8E1&<1
612G2n@&32>m9OtvSHurb-ItLuIh5NNB_K4yS`Ff?{NBO{-1&;x_n(QQDGyFM@jSKYN8eO?M3nr00000
{zrP9H?q%g-k4&V{C7N;1$*Dl_uHV~e2ATA>y%$p1LsFB#yHQ`(v^4$jU?d@{XNx!
"""
TYPES = ['float16', 'bfloat16', 'float32', 'float64', 'int64', 'uint8', 'bool']
OFTEN = ('bfloat16', 'float32', 'uint8')
needs_torch = pytest.mark.skipif(
    not reference.is_installed('torch'), reason='needs torch'
)
SUFFIXES = [
    '.safetensors',
    '.npz',
    '.h5',
    pytest.param('.hdf5', marks=pytest.mark.heavy),  # the same as .h5
    pytest.param('.pt', marks=needs_torch),
    pytest.param('.pth', marks=needs_torch),
]


def arrays(dtype: str = 'float32') -> dict[str, np.ndarray]:
    """Of several ranks and layouts; names with dots, slashes and colons."""
    numbers = np.random.default_rng(0).normal(size=(2, 3, 4, 5)) * 100
    kind = jnp.dtype(dtype)
    return {
        'layer1.0.conv1.weight': numbers.astype(kind),
        'params/stem/kernel:0': numbers.T.astype(kind),  # not contiguous
        'scalar': numbers[0, 0, 0, 0].astype(kind)[...],
        'none': np.zeros((0, 3), kind),
    }


def assert_same(left: dict, right: dict) -> None:
    assert left.keys() == right.keys()
    for name in left:
        assert left[name].dtype == right[name].dtype
        assert left[name].shape == right[name].shape
        assert left[name].tobytes() == right[name].tobytes()


@pytest.mark.parametrize(
    'dtype',
    [t if t in OFTEN else pytest.param(t, marks=pytest.mark.heavy) for t in TYPES],
)
@pytest.mark.parametrize('suffix', SUFFIXES)
def test_arrays_come_back_bit_for_bit(tmp_path: Path, suffix: str, dtype: str) -> None:
    path, there = tmp_path / f'some.weights.v2{suffix}', arrays(dtype)
    if (suffix, dtype) == ('.npz', 'bfloat16'):
        with pytest.raises(ValueError, match='bfloat16.*scalar.*write .safetensors'):
            write(path, there)
        assert list(tmp_path.iterdir()) == []
        return
    write(path, there)
    assert_same(read(path), there)
    write(path, {'other': np.ones(3)})  # takes the place of the first
    assert read(path).keys() == {'other'}
    assert list(tmp_path.iterdir()) == [path]


def layers(dtype: str = 'float32') -> dict[str, np.ndarray]:
    """As Keras would name them, in the order of a model; not all sorted."""
    random = np.random.default_rng(1)
    shapes = {
        'last_conv/kernel': (1, 2, 3, 4),
        'last_conv/bias': (4,),
        'norm/moving_mean': (4,),
        'norm/gamma': (4,),
        'norm/moving_variance': (4,),
        'norm/beta': (4,),
        'a_conv/kernel': (1, 1, 4, 5),
        'fc/bias': (3,),
        'fc/kernel': (5, 3),
    }
    return {
        n: random.normal(size=s).astype(jnp.dtype(dtype)) for n, s in shapes.items()
    }


@pytest.mark.parametrize(
    'dtype',
    [
        *('float32', 'bfloat16'),
        *[pytest.param(t, marks=pytest.mark.heavy) for t in ('float16', 'float64')],
    ],
)
@pytest.mark.parametrize(
    'suffix',
    ['.h5', pytest.param('.hdf5', marks=pytest.mark.heavy), '.weights.h5'],
)
def test_the_layouts_of_keras_come_back_bit_for_bit(
    tmp_path: Path, suffix: str, dtype: str
) -> None:
    path = tmp_path / f'model{suffix}'
    write(path, layers(dtype))
    assert_same(read(path), layers(dtype))
    with h5py.File(path) as file:
        if suffix == '.weights.h5':
            kinds = {'batch_normalization', 'conv2d', 'conv2d_1', 'dense'}
            assert file['layers'].keys() == kinds
            there = file['layers/batch_normalization/vars']
            assert there.attrs['name'] == 'norm'
            means = there['2']
        else:
            order = [b'last_conv', b'norm', b'a_conv', b'fc']
            assert file.attrs['layer_names'].tolist() == order
            names = file['norm'].attrs['weight_names'].tolist()
            assert names[2] == b'norm/moving_mean'
            means = file['norm/norm/moving_mean']
        if dtype != 'bfloat16':
            np.testing.assert_array_equal(means, layers(dtype)['norm/moving_mean'])


def test_older_layouts_of_keras_are_read(tmp_path: Path) -> None:
    kernel, bias = np.ones((1, 1, 2, 3), np.float32), np.zeros(3, np.float32)
    with h5py.File(tmp_path / 'old.h5', 'w') as file:  # the names of 2016, in a model
        root = file.create_group('model_weights')
        root.attrs['layer_names0'] = [b'pool']
        root.attrs['layer_names1'] = [b'conv']
        root.create_group('pool').attrs['weight_names'] = np.array([], 'S1')
        root.create_group('conv').attrs['weight_names'] = [b'c_W_1:0', b'c_b_1:0']
        root['conv/c_W_1:0'], root['conv/c_b_1:0'] = kernel, bias
        file['optimizer_weights/step'] = 3
    with h5py.File(tmp_path / 'x.weights.h5', 'w') as file:  # before layers had names
        file['layers/conv2d_1/vars/0'], file['layers/conv2d_1/vars/1'] = kernel, bias
        file['optimizer/vars/0'] = 3
    assert_same(read(tmp_path / 'old.h5'), {'conv/kernel': kernel, 'conv/bias': bias})
    found = read(tmp_path / 'x.weights.h5')
    assert_same(found, {'conv2d_1/kernel': kernel, 'conv2d_1/bias': bias})
    with zipfile.ZipFile(tmp_path / 'm.keras', 'w') as archive:
        archive.writestr('config.json', '{}')
        archive.write(tmp_path / 'x.weights.h5', 'model.weights.h5')
    assert_same(read(tmp_path / 'm.keras'), found)


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / 'a.h5'
    write(path, arrays())
    with pytest.raises(ValueError, match='a.h5 cannot hold these arrays'):
        write(path, {'a': np.ones(2), 'a/b': np.ones(2)})  # a set and a group
    assert_same(read(path), arrays())
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ('name', 'content', 'message'),
    [
        ('a.bin', {'a': np.ones(2)}, "suffix '.bin', wanted one of .safetensors"),
        ('a.keras', {'a': np.ones(2)}, 'read only, write one of .*weights.h5'),
        ('a.npz', {}, 'there is no array'),
        ('a.npz', {'a': np.array(['x'])}, 'a is of <U1, wanted real numbers'),
        ('a.npz', {'a': np.array([None])}, 'a is of object'),
        ('a.npz', {'a': np.array([1j])}, 'a is of complex128'),
        ('a.weights.h5', {'x/y': np.ones(2)}, 'LAYER/kernel.*there is x/y: name.*.h5'),
        ('no/such/a.npz', {'a': np.ones(2)}, 'there is no folder'),
        ('', {'a': np.ones(2)}, 'suffix'),
    ],
)
def test_what_cannot_be_written_is_refused(
    tmp_path: Path, name: str, content: dict, message: str
) -> None:
    with pytest.raises((ValueError, OSError), match=message):
        write(tmp_path / name, content)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('suffix', SUFFIXES)
@pytest.mark.parametrize('damage', ['cut', 'cut early', 'empty', 'other', 'page'])
def test_a_damaged_file_is_named(tmp_path: Path, suffix: str, damage: str) -> None:
    path = tmp_path / f'a{suffix}'
    write(path, arrays())
    content = path.read_bytes()
    other = tmp_path / (
        'b.npz' if suffix in ('.safetensors', '.h5', '.hdf5') else 'b.h5'
    )
    write(other, arrays())
    broken = {
        'cut': content[: len(content) - 40],
        'cut early': content[:30],
        'empty': b'',
        'other': other.read_bytes(),
        'page': b'<!DOCTYPE html><html>not found</html>',
    }
    path.write_bytes(broken[damage])
    with pytest.raises(ValueError, match=rf'a{suffix} is no whole ') as caught:
        read(path)
    begins = {
        'empty': 'an empty file',
        'page': 'a page of HTML',
        'other': 'HDF5' if other.suffix == '.h5' else 'a ZIP archive',
    }
    assert f'begins as {begins.get(damage, "")}' in str(caught.value)
    assert '\n' not in str(caught.value)


def test_a_flipped_bit_of_an_archive_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / 'a.npz'
    write(path, {'a': np.arange(100.0)})
    content = bytearray(path.read_bytes())
    content[400] ^= 4
    path.write_bytes(content)
    with pytest.raises(ValueError, match='CRC'):
        read(path)


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('none.npz', 'there is no file .*none.npz'),
        ('folder.npz', 'folder.npz is a folder, wanted a file'),
        ('a.csv', "suffix '.csv', wanted one of .safetensors"),
        ('a', "suffix '', wanted"),
    ],
)
def test_what_is_no_such_file_is_named(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / 'folder.npz').mkdir()
    with pytest.raises((ValueError, OSError), match=message):
        read(tmp_path / name)
    if name == 'folder.npz':
        with pytest.raises(OSError, match='is a folder, wanted the name'):
            write(tmp_path / name, arrays())


def header(shape: list[int], start: int, end: int) -> bytes:
    """A safetensors file of 16 bytes of numbers, whatever its header says."""
    entry = {'dtype': 'F32', 'shape': shape, 'data_offsets': [start, end]}
    text = json.dumps({'a': entry}).encode()
    return struct.pack('<Q', len(text)) + text + bytes(16)


@pytest.mark.parametrize(
    'content',
    [
        header([40], 0, 160),
        header([4_000_000_000, 4_000_000_000], 0, 16),
        header([4], 8, 24),
        struct.pack('<Q', 2**62) + bytes(100),
        struct.pack('<Q', 20) + b'{"a": 3' + bytes(13),
    ],
)
def test_a_safetensors_header_that_lies_is_refused(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / 'a.safetensors'
    path.write_bytes(header([4], 0, 16))
    assert read(path)['a'].tolist() == [0, 0, 0, 0]
    path.write_bytes(content)
    with pytest.raises(ValueError, match='a.safetensors is no whole safetensors'):
        read(path)


def test_an_archive_with_a_pickle_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Callable, tuple]:
            return os.mkdir, (str(tmp_path / 'done'),)

    np.savez(tmp_path / 'a.npz', good=np.ones(2), bad=np.array([Evil()]))
    with pytest.raises(ValueError, match='a.npz is refused: bad holds pickled Python'):
        read(tmp_path / 'a.npz')
    assert not (tmp_path / 'done').exists()


@pytest.mark.heavy
def test_an_archive_that_declares_what_it_does_not_hold_is_refused(
    tmp_path: Path,
) -> None:
    path = tmp_path / 'a.npz'
    huge = {'descr': '<f8', 'fortran_order': False, 'shape': (10**7, 10**7)}
    with zipfile.ZipFile(path, 'w') as archive, archive.open('a.npy', 'w') as file:
        np.lib.format.write_array_header_1_0(file, huge)
        file.write(bytes(64))
    with pytest.raises(ValueError, match='a declares 800000000000.* bytes but has'):
        read(path)
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        with archive.open('a.npy', 'w', force_zip64=True) as file:
            shape = {**huge, 'shape': (5 * 2**23,)}
            np.lib.format.write_array_header_1_0(file, shape)
            for _ in range(5):
                file.write(bytes(2**26))
    with pytest.raises(ValueError, match='declare arrays of 335,544,4.* cannot hold'):
        read(path)
    with zipfile.ZipFile(path, 'w') as archive:
        for _ in range(2):
            with (
                pytest.warns(UserWarning, match='Duplicate') if _ else open(os.devnull)
            ):
                archive.writestr('a.npy', b'')
    with pytest.raises(ValueError, match='two of its arrays have one name'):
        read(path)


def external(file: h5py.File) -> None:
    file['b'] = h5py.ExternalLink('secret.h5', '/a')


def external_group(file: h5py.File) -> None:
    file['model_weights'] = h5py.ExternalLink('secret.h5', '/')


def external_layer(file: h5py.File) -> None:
    file.attrs['layer_names'] = [b'b']
    file['b'] = h5py.ExternalLink('secret.h5', '/')


def soft(file: h5py.File) -> None:
    file['b'] = h5py.SoftLink('/a')


def raw(file: h5py.File) -> None:
    file.create_dataset('b', (4,), 'u1', external=[('secret.h5', 0, 4)])


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((2,), 'f8')
    layout[:] = h5py.VirtualSource('secret.h5', 'a', (2,))
    file.create_virtual_dataset('b', layout)


def circle(file: h5py.File) -> None:
    file['group/again'] = file['/']


def texts(file: h5py.File) -> None:
    file['b'] = ['words']


def compound(file: h5py.File) -> None:
    file['b'] = np.zeros(2, [('x', 'f4'), ('y', 'f4')])


def nothing(file: h5py.File) -> None:
    file['b'] = h5py.Empty('f4')


def huge(file: h5py.File) -> None:
    file.create_dataset('b', (10**7, 10**7), 'f8')


def huge_packed(file: h5py.File) -> None:
    file.create_dataset('b', (10**6, 10**6), 'f8', chunks=(10, 10), compression='gzip')


LEAD_ASTRAY = [
    (external, "'b' is a link to elsewhere, which is not followed"),
    (virtual, "'b' lies in other files"),
    (circle, "comes to one group twice, as 'group/again/'"),
    (huge, "'b' declares 800,000,000,000,000 bytes but has 0"),
]
THE_LIKE = [
    (external_group, "'model_weights' is a link to elsewhere"),
    (external_layer, "'b' is a link to elsewhere"),
    (soft, "'b' is a link to elsewhere"),
    (raw, "'b' lies in other files"),
    (texts, "'b' is of object, wanted an array of numbers"),
    (compound, "'b' is of .*wanted an array of numbers"),
    (nothing, "'b' is of float32, wanted an array"),
    (huge_packed, 'declare arrays of 8,000,000,000,016 bytes'),
]


@pytest.mark.parametrize(
    ('make', 'message'),
    [*LEAD_ASTRAY, *[pytest.param(*c, marks=pytest.mark.heavy) for c in THE_LIKE]],
)
def test_what_hdf5_could_lead_to_is_refused(
    tmp_path: Path, make: Callable[[h5py.File], None], message: str
) -> None:
    for name in ('secret.h5', 'a.h5'):
        with h5py.File(tmp_path / name, 'w') as file:
            file['a'] = np.ones(2)
    assert read(tmp_path / 'a.h5').keys() == {'a'}
    with h5py.File(tmp_path / 'a.h5', 'a') as file:
        make(file)
    with pytest.raises(ValueError, match=f'a.h5 is refused: .*{message}'):
        read(tmp_path / 'a.h5')


def test_a_layer_that_is_named_but_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / 'a.h5'
    write(path, layers())
    with h5py.File(path, 'a') as file:
        del file['norm/norm/gamma']
    with pytest.raises(ValueError, match='weights that are not there: norm/norm/gamma'):
        read(path)
    with h5py.File(path, 'a') as file:
        del file['norm']
    with pytest.raises(ValueError, match="names a layer 'norm' that is not there"):
        read(path)


def test_writing_for_torch_without_torch_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, 'is_installed', lambda name: False)
    with pytest.raises(
        ImportError, match=r"torch is not.*pip install 'dljax\[parity\]'"
    ):
        write(tmp_path / 'b.pt', arrays())


def test_the_message_of_a_wrong_suffix_lists_what_is_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError) as caught:
        read(tmp_path / 'a.onnx')
    assert all(suffix in str(caught.value) for suffix in files._FORMATS)


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='needs pipes with names')
def test_a_library_that_never_returns_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / 'a.h5'
    os.mkfifo(path)  # libhdf5 waits in the system for who writes to it
    with pytest.raises(ValueError, match='is no regular file'):
        read(path)
    start = time.monotonic()
    with pytest.raises(Refusal, match='made no headway with it in 0.9 s'):
        h5.read(path, patience=0.9)
    assert time.monotonic() - start < 10


@pytest.mark.heavy
def test_a_damaged_file_in_which_the_library_turns_for_ever_is_given_up(
    tmp_path: Path,
) -> None:
    path = tmp_path / 'a.weights.h5'
    path.write_bytes(zlib.decompress(base64.b85decode(''.join(CIRCLES.split()))))
    with pytest.raises(ValueError, match='no headway with it in 0.9 s|no whole'):
        read(path, patience=0.9)


def test_a_reader_that_crashes_or_says_nonsense_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, script = tmp_path / 'a.h5', tmp_path / 'reader.py'
    write(path, {'a': np.ones(2)})
    monkeypatch.setattr(h5, 'READER', script)
    script.write_text('import os; os.abort()')
    with pytest.raises(
        ValueError, match='a.h5 is refused: libhdf5 ended by -6 over it'
    ):
        read(path)
    script.write_text('print("{")')
    with pytest.raises(ValueError, match='a.h5 is no whole HDF5 file'):
        read(path)


def test_a_file_may_not_take_more_memory_than_it_can_hold(tmp_path: Path) -> None:
    path = tmp_path / 'a.h5'
    with h5py.File(path, 'w') as file:
        file.create_dataset('a', (2**22,), 'f4', chunks=(2**22,), compression='gzip')
        file['b'] = np.ones(3)
    assert read(path)['b'].tolist() == [1, 1, 1]
    with pytest.raises(Refusal, match='declare arrays of 16,777,240 bytes'):
        h5.read(path, room=2**24)


def test_what_shares_bytes_or_is_packed_oddly_is_refused(tmp_path: Path) -> None:
    path = tmp_path / 'a.npz'
    np.savez_compressed(path, a=np.arange(9), b=np.ones(3))
    assert read(path)['a'].tolist() == list(range(9))
    content = path.read_bytes()
    directory = content.index(b'PK\x01\x02')
    second = content.index(b'PK\x01\x02', directory + 1)
    shared = bytearray(content)
    shared[second + 42 : second + 46] = content[directory + 42 : directory + 46]
    path.write_bytes(shared)
    with pytest.raises(ValueError, match='a.npy and b.npy in it share bytes'):
        read(path)
    flagged = bytearray(content)
    flagged[directory + 8] |= 1
    path.write_bytes(flagged)
    with pytest.raises(ValueError, match='a.npy in it is encrypted'):
        read(path)
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_LZMA) as archive:
        archive.writestr('a.npy', bytes(99))
    with pytest.raises(ValueError, match='a.npy in it is compressed, wanted.*deflate'):
        read(path)


def test_checkpoints_of_tensorflow_are_named_as_such(tmp_path: Path) -> None:
    for name in ('model.ckpt.index', 'model.ckpt.data-00000-of-00001'):
        (tmp_path / name).write_bytes(bytes(60))
        with pytest.raises(ValueError, match='is a checkpoint of TensorFlow'):
            read(tmp_path / name)
    with pytest.raises(ValueError, match='model.ckpt is a checkpoint of TensorFlow'):
        read(tmp_path / 'model.ckpt')
    table = bytes(60) + 0xDB4775248B80FB57.to_bytes(8, 'little')
    (tmp_path / 'first.ckpt').write_bytes(table)
    with pytest.raises(ValueError, match='begins as a checkpoint of TensorFlow'):
        read(tmp_path / 'first.ckpt')
