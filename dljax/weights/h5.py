"""Arrays in HDF5 files: plain, and in the two layouts of Keras."""

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import h5py
import jax.numpy as jnp
import numpy as np

from dljax.weights.keras_layers import class_names, sorted_by_layer, weight_names
from dljax.weights.refusal import Refusal, require_room


def read(path: Path, file: IO[bytes] | None = None) -> dict[str, np.ndarray]:
    """Read all arrays; named LAYER/WEIGHT where Keras wrote the file."""
    with h5py.File(file or path, 'r') as content:
        root = content['model_weights'] if _has(content, 'model_weights') else content
        found = _keras_2(root) or _keras_3(root) or dict(_walk(root))
        for name, array in found.items():
            _require_numbers(name, array)
        require_room(path, sum(array.nbytes for array in found.values()))
        return {name: _values(array) for name, array in found.items()}


def read_keras_model(path: Path) -> dict[str, np.ndarray]:
    """Read the weights out of a .keras archive; its code is not looked at."""
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo('model.weights.h5')
        require_room(path, info.file_size)
        with archive.open(info) as file:
            return read(path, file)


def write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write each array under its name; in the layout of Keras 2 where all fit that."""
    layers = sorted_by_layer(arrays)
    with h5py.File(path, 'w', libver='earliest') as file:
        if layers is None:
            for name, array in arrays.items():
                _put(file, name, array)
            return
        _put_texts(file, 'layer_names', list(layers))
        file.attrs['backend'], file.attrs['keras_version'] = b'jax', b'3.0.0'
        for layer, weights in layers.items():
            group = file.create_group(layer)
            _put_texts(group, 'weight_names', [f'{layer}/{name}' for name in weights])
            for name, array in weights.items():
                _put(group, f'{layer}/{name}', array)
        _put_texts(file.create_group('top_level_model_weights'), 'weight_names', [])


def write_keras_3(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays named LAYER/WEIGHT, layers in the model's order, as Keras 3 does."""
    layers = sorted_by_layer(arrays)
    if layers is None:
        raise Refusal(
            '.weights.h5 takes arrays named LAYER/kernel, LAYER/bias, LAYER/gamma and '
            f'so on, but there is {next(iter(arrays))}: name the file .h5'
        )
    with h5py.File(path, 'w', libver='earliest') as file:
        for layer, kind in class_names(layers).items():
            group = file.create_group(f'layers/{kind}/vars')
            group.attrs['name'] = layer
            for place, array in enumerate(layers[layer].values()):
                _put(group, str(place), array)


def _has(group: h5py.Group, name: str) -> bool:
    """Tell whether a group of this name stands in the file itself."""
    link = group.get(name, getlink=True)
    return isinstance(link, h5py.HardLink) and isinstance(group[name], h5py.Group)


def _walk(
    group: h5py.Group, above: str = '', seen: set[int] | None = None
) -> Iterator[tuple[str, h5py.Dataset]]:
    """List the data sets by path; links that could lead elsewhere are refused."""
    seen = set() if seen is None else seen
    address = h5py.h5o.get_info(group.id).addr
    if address in seen:
        raise Refusal(f"it comes to one group twice, as '{above}'")
    seen.add(address)
    for name in group:
        path = f'{above}{name}'
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise Refusal(f"'{path}' is a link to elsewhere, which is not followed")
        item = group[name]
        if isinstance(item, h5py.Group):
            yield from _walk(item, f'{path}/', seen)
        elif isinstance(item, h5py.Dataset):
            yield path, item


def _keras_2(root: h5py.Group) -> dict[str, h5py.Dataset]:
    """Find the weights by layer: their own names have been several over the years."""
    sets, found = dict(_walk(root)), {}
    for layer in _texts(root, 'layer_names'):
        if not _has(root, layer):
            raise Refusal(f"it names a layer '{layer}' that is not there")
        paths = [f'{layer}/{name}' for name in _texts(root[layer], 'weight_names')]
        if absent := [path for path in paths if path not in sets]:
            raise Refusal(f'it names weights that are not there: {", ".join(absent)}')
        names = weight_names([sets[path].ndim for path in paths])
        found |= {
            f'{layer}/{name}': sets[path]
            for name, path in zip(names, paths, strict=True)
        }
    return found


def _keras_3(root: h5py.Group) -> dict[str, h5py.Dataset]:
    """Find the weights by layer, named as it was where the file says how."""
    for top in ('layers', '_layer_checkpoint_dependencies'):  # the latter Keras 2.13
        if _has(root, top):
            break
    else:
        return {}
    groups: dict[str, dict[str, h5py.Dataset]] = {}
    for path, array in _walk(root[top]):
        above, _, place = path.rpartition('/')
        if not above.endswith('/vars'):
            return {}
        groups.setdefault(above, {})[place] = array
    found = {}
    for above, places in groups.items():
        arrays = [places[place] for place in sorted(places, key=lambda p: (len(p), p))]
        layer = arrays[0].parent.attrs.get('name', above.removesuffix('/vars'))
        names = weight_names([array.ndim for array in arrays])
        for name, array in zip(names, arrays, strict=True):
            if f'{layer}/{name}' in found:
                raise Refusal(f"two of its layers are named '{layer}'")
            found[f'{layer}/{name}'] = array
    return found


def _texts(group: h5py.Group, name: str) -> list[str]:
    """Read a list of texts, in parts where one attribute does not hold it."""
    parts = [group.attrs[name]] if name in group.attrs else []
    while f'{name}{len(parts)}' in group.attrs:
        parts.append(group.attrs[f'{name}{len(parts)}'])
    texts = [text for part in parts for text in np.asarray(part).tolist()]
    return [text.decode() if isinstance(text, bytes) else str(text) for text in texts]


def _put_texts(group: h5py.Group, name: str, texts: list[str], some: int = 200) -> None:
    """Write a list of texts; an attribute holds less than 64 KiB."""
    parts = [texts[start : start + some] for start in range(0, len(texts), some)]
    for place, part in enumerate(parts or [[]]):
        words = np.array([text.encode() for text in part] or [], 'S')
        group.attrs[f'{name}{place}' if len(parts) > 1 else name] = words


def _put(group: h5py.Group, name: str, array: np.ndarray) -> None:
    if array.dtype.kind not in 'biuf' and array.dtype != jnp.bfloat16:
        raise Refusal(f'{name} is of {array.dtype}: write .safetensors')
    made = group.create_dataset(name, data=array)
    if array.dtype == jnp.bfloat16:  # HDF5 does not know it; Keras notes it so
        made.attrs['dtype'] = 'bfloat16'


def _require_numbers(name: str, array: h5py.Dataset) -> None:
    """Refuse what is not numbers in the file itself."""
    if array.external or array.is_virtual:
        raise Refusal(f"'{name}' lies in other files, which are not followed")
    if array.shape is None or (array.dtype.kind not in 'biuf' and not _bfloat16(array)):
        raise Refusal(f"'{name}' is of {array.dtype}, wanted an array of numbers")
    held, packed = array.id.get_storage_size(), array.id.get_create_plist()
    if not packed.get_nfilters() and held < array.nbytes:
        raise Refusal(f"'{name}' declares {array.nbytes:,} bytes but has {held:,}")


def _bfloat16(array: h5py.Dataset) -> bool:
    return array.dtype == np.dtype('V2') and array.attrs.get('dtype') == 'bfloat16'


def _values(array: h5py.Dataset) -> np.ndarray:
    values: Any = np.asarray(array[()])
    return values.view(jnp.bfloat16) if _bfloat16(array) else values
