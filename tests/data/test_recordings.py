"""Recordings: every form of number, every rate, and every fault by its name."""

import io
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from dljax import data
from dljax.data import recordings
from dljax.data.wav import LARGEST

RATE = 8000
TIME = np.arange(800) / RATE
TONE = 0.5 * np.sin(2 * np.pi * 440 * TIME)


def of_bits(bits: int, channels: int = 1) -> bytes:
    """Write the tone by the standard library."""
    whole = np.round(TONE * (2 ** (bits - 1) - 1)).astype(np.int64)
    whole = whole + 128 if bits == 8 else whole
    low = whole[:, None] >> (8 * np.arange(bits // 8)[None, :])
    frames = np.repeat((low & 255).astype(np.uint8)[:, None], channels, axis=1)
    file = io.BytesIO()
    with wave.open(file, 'wb') as out:
        out.setnchannels(channels)
        out.setsampwidth(bits // 8)
        out.setframerate(RATE)
        out.writeframes(frames.tobytes())
    return file.getvalue()


@pytest.mark.parametrize('bits', [8, 16, 24, 32])
@pytest.mark.parametrize('channels', [1, 2])
def test_whole_numbers_of_any_size_are_the_tone(
    bits: int, channels: int, tmp_path: Path
) -> None:
    (tmp_path / 'a.wav').write_bytes(of_bits(bits, channels))
    sound = data.read_wav(tmp_path / 'a.wav')
    assert sound.rate == RATE and sound.audio.dtype == np.float32
    np.testing.assert_allclose(sound.audio, TONE, atol=1.1 / 2 ** (bits - 1) + 1e-7)


def test_floats_stereo_and_extended_forms_agree_with_scipy(tmp_path: Path) -> None:
    both = np.stack([TONE, -0.5 * TONE], axis=1).astype(np.float32)
    wavfile.write(tmp_path / 'a.wav', RATE, both)
    np.testing.assert_allclose(
        data.read_wav(tmp_path / 'a.wav').audio, 0.25 * TONE, atol=1e-7
    )
    content = of_bits(16)
    extended = struct.pack(
        '<HHIIHHHHIH', 0xFFFE, 1, RATE, 2 * RATE, 2, 16, 22, 16, 4, 1
    )
    extended += bytes.fromhex('000000001000800000aa00389b71')
    odd = b'LIST' + struct.pack('<I', 3) + b'abc\0'
    fmt = b'fmt ' + struct.pack('<I', len(extended)) + extended
    (tmp_path / 'b.wav').write_bytes(content[:12] + odd + fmt + content[36:])
    np.testing.assert_allclose(data.read_wav(tmp_path / 'b.wav').audio, TONE, atol=1e-4)


def test_what_is_written_is_what_scipy_reads(tmp_path: Path) -> None:
    data.write_wav(tmp_path / 'a.wav', 3 * TONE, RATE)
    rate, found = wavfile.read(tmp_path / 'a.wav')
    assert rate == RATE and found.dtype == np.int16
    np.testing.assert_allclose(found / 2**15, np.clip(3 * TONE, -1, 1), atol=4e-5)
    np.testing.assert_array_equal(
        data.read_wav(tmp_path / 'a.wav').audio, (found / 2**15).astype(np.float32)
    )
    with pytest.raises(ValueError, match='finite'):
        data.write_wav(tmp_path / 'a.wav', np.array([np.nan]), RATE)


@pytest.mark.parametrize('rate', [4000, 11025, 16000])
def test_another_rate_is_the_same_tone(rate: int, tmp_path: Path) -> None:
    (tmp_path / 'a.wav').write_bytes(of_bits(16))
    sound = data.read_wav(tmp_path / 'a.wav', rate)
    assert sound.rate == rate and len(sound.audio) == -(-800 * rate // RATE)
    inside = slice(len(sound.audio) // 5, -len(sound.audio) // 5)
    wanted = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(sound.audio)) / rate)
    np.testing.assert_allclose(sound.audio[inside], wanted[inside], atol=5e-3)


GOOD = of_bits(16)
FAULTY = {
    'empty': (b'', 'is empty'),
    'no wav': (b'OggS' + bytes(50), 'begins with'),
    'head alone': (GOOD[:12], "no chunk 'fmt'.*cut off"),
    'half the form': (GOOD[:30], 'is cut off: of 16 bytes of fmt there are 10'),
    'no samples': (GOOD[:36], "no chunk 'data'"),
    'truncated': (GOOD[:-100], 'is cut off: of 1,600 bytes of data there are 1,500'),
    'none': (GOOD[:40] + bytes(4), 'holds no sample'),
    'half a sample': (GOOD[:40] + struct.pack('<I', 3) + bytes(3), 'a multiple'),
    'mp3 inside': (GOOD[:20] + struct.pack('<H', 85) + GOOD[22:], 'is of form 85'),
    '12 bits': (GOOD[:34] + struct.pack('<H', 12) + GOOD[36:], 'with 12 bits'),
    'no channel': (GOOD[:22] + bytes(2) + GOOD[24:], '0 channels'),
    'no rate': (GOOD[:24] + bytes(4) + GOOD[28:], '0 samples in a second'),
    'blocks that do not fit': (GOOD[:32] + b'\3\0' + GOOD[34:], '3 bytes'),
}


@pytest.mark.parametrize('case', FAULTY)
def test_a_damaged_file_is_named(case: str, tmp_path: Path) -> None:
    content, message = FAULTY[case]
    (tmp_path / 'a.wav').write_bytes(content)
    with pytest.raises(ValueError, match=f"a.wav' .*{message}"):
        data.read_wav(tmp_path / 'a.wav')


def test_any_bytes_are_read_or_refused_in_words(tmp_path: Path) -> None:
    random, path = np.random.default_rng(0), tmp_path / 'a.wav'
    for _ in range(300):
        content = bytearray(GOOD[:200])
        for place in random.integers(0, 60, 3):
            content[place] = random.integers(256)
        path.write_bytes(content)
        try:
            assert np.isfinite(data.read_wav(path).audio).all()
        except ValueError as error:
            assert 'a.wav' in str(error) and 'wanted' in str(error)


def test_infinite_floats_and_missing_files_are_refused(tmp_path: Path) -> None:
    wavfile.write(tmp_path / 'a.wav', RATE, np.array([0, np.inf], np.float32))
    with pytest.raises(ValueError, match='not finite'):
        data.read_wav(tmp_path / 'a.wav')
    with pytest.raises(FileNotFoundError, match='absent'):
        data.read_wav(tmp_path / 'absent.wav')
    assert LARGEST < 2**31


def spoken(folder: Path, name: str, seconds: float = 0.1, rate: int = RATE) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    data.write_wav(folder / name, np.full(int(seconds * rate), 0.25), rate)


def test_names_tell_digits_and_speakers(tmp_path: Path) -> None:
    for name, seconds in (('7_ann_0', 0.1), ('3_bob_12', 0.2), ('7_bob_1', 0.05)):
        spoken(tmp_path, f'{name}.wav', seconds)
    (tmp_path / 'notes.txt').write_text('passed over')
    found = data.named_recordings(tmp_path)
    assert found.class_names == ('3', '7') and found.rate == RATE
    assert found.arrays['label'].tolist() == [0, 1, 1]
    assert found.arrays['length'].tolist() == [1600, 800, 400]
    assert found.arrays['audio'].shape == (3, 1600)
    assert found.arrays['audio'][2, 400:].max() == 0 < found.arrays['audio'][2, 399]
    assert found.facts['speaker'] == ['bob', 'ann', 'bob']
    assert found.facts['file'][0] == '3_bob_12.wav'
    half = data.named_recordings(tmp_path, rate=RATE // 2, longest=0.1, beyond='cut')
    assert half.arrays['length'].tolist() == [400, 400, 200]
    assert '1 longer than 0.1 s cut' in half.summary
    short = data.named_recordings(tmp_path, longest=0.1, beyond='drop')
    assert short.facts['index'] == ['0', '1'] and '1 longer' in short.summary


def test_every_fault_of_a_folder_is_named_at_once(tmp_path: Path) -> None:
    spoken(tmp_path, '0_ann_0.wav')
    spoken(tmp_path, '1_ann_0.wav', rate=16000)
    spoken(tmp_path, '2_ann_0.wav', seconds=2.0)
    spoken(tmp_path, 'three.wav')
    (tmp_path / '4_ann_0.wav').write_bytes(GOOD[:-100])
    (tmp_path / '5_ann_0.wav').write_bytes(b'')
    with pytest.raises(ValueError, match='5 files') as error:
        data.named_recordings(tmp_path, longest=1.0)
    for part in (
        '1_ann_0.wav has a rate of 16000, not 8000',
        '2_ann_0.wav is 2.0 s long',
        'three.wav is not named LABEL_SPEAKER_INDEX.wav',
        '4_ann_0.wav is cut off',
        '5_ann_0.wav is empty',
    ):
        assert f'- {part}' in str(error.value)


def test_folders_are_classes_and_splits(tmp_path: Path) -> None:
    for name in ('train/no/1', 'train/yes/1', 'train/yes/2', 'test/yes/1'):
        spoken(tmp_path, f'{name}.wav')
    found = data.recording_folder(tmp_path)
    assert found['train'].arrays['label'].tolist() == [0, 1, 1]
    assert found['test'].arrays['label'].tolist() == [1]
    assert found['test'].class_names == ('no', 'yes')
    spoken(tmp_path, 'test/yes/1.wav', rate=16000)
    with pytest.raises(ValueError, match=r"'test': 16000\}, wanted one"):
        data.recording_folder(tmp_path)
    assert data.recording_folder(tmp_path, rate=RATE)['test'].rate == RATE


def test_a_table_tells_what_is_said(tmp_path: Path) -> None:
    spoken(tmp_path, 'in/a.wav')
    spoken(tmp_path, 'in/b.wav')
    path = tmp_path / 'in/said.csv'
    path.write_text('file,text,who\nb.wav,"yes, sir",x\na.wav,no,y\n')
    found = data.transcribed_recordings(path, label='who')
    assert found.facts == {'text': ['yes, sir', 'no'], 'file': ['b.wav', 'a.wav']}
    assert found.arrays['label'].tolist() == [0, 1]
    spoken(tmp_path, 'c.wav')
    path.write_text('file,text\n../c.wav,no\nd.wav,no\na.wav,\n')
    with pytest.raises(ValueError, match='3 files') as error:
        data.transcribed_recordings(path)
    for part in ('c.wav lies outside', 'no file', "row 4 has no 'text'"):
        assert part in str(error.value)


def test_sounds_that_fill_the_memory_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoken(tmp_path, '0_ann_0.wav')
    spoken(tmp_path, '1_ann_0.wav', seconds=1.0)
    monkeypatch.setattr(recordings, 'MEMORY', 2 * 4 * RATE - 1)
    with pytest.raises(ValueError, match='2 recordings of up to 1.0 s need'):
        data.named_recordings(tmp_path)


@pytest.mark.parametrize(
    'change, message',
    [
        ({'rate': 0}, 'rate is 0'),
        ({'longest': 0.0}, 'longest 0.0'),
        ({'beyond': 'pad'}, "beyond 'pad'"),
        ({'fields': ('a', 'a', 'label')}, 'each once'),
    ],
)
def test_settings_out_of_range_are_refused(
    change: dict, message: str, tmp_path: Path
) -> None:
    spoken(tmp_path, '0_ann_0.wav')
    with pytest.raises(ValueError, match=message):
        data.named_recordings(tmp_path, **change)


@pytest.mark.parametrize('rate', [2**32 - 5, 1])
def test_a_rate_that_no_filter_reaches_is_refused_before_memory_is_taken(
    rate: int, tmp_path: Path
) -> None:
    content = bytearray(of_bits(16))
    content[24:28] = struct.pack('<I', rate)
    (tmp_path / 'a.wav').write_bytes(content)
    assert data.read_wav(tmp_path / 'a.wav').rate == rate
    wanted = 8000 if rate > 1 else 2**30
    with pytest.raises(ValueError, match=f"a.wav' has {rate:,} samples in a second"):
        data.read_wav(tmp_path / 'a.wav', wanted)
