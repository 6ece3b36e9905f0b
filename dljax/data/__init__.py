"""Data: sets, sources of batches, normalisation and augmentation."""

from dljax.data import augment
from dljax.data.arrays import batches_per_epoch
from dljax.data.balance import class_weights, with_balance
from dljax.data.batches import batches
from dljax.data.bicubic import cut_to_multiple, enlarge, resize_bicubic, shrink
from dljax.data.brackets import brackets
from dljax.data.bucketed import bucket_batches, bucketed
from dljax.data.buckets import Buckets, length_buckets
from dljax.data.byte_pairs import BytePairs
from dljax.data.captioned import CaptionedPictures, captioned_folder
from dljax.data.captions import Captions, captioned_scenes
from dljax.data.classified_texts import ClassifiedTexts, classified_texts
from dljax.data.columns import Columns, read_columns
from dljax.data.composed import compose_recordings
from dljax.data.corrupt import gaussian_noise, masking, salt_and_pepper
from dljax.data.dataset import DataSet, Records
from dljax.data.dates import dates
from dljax.data.domains import Domains, digit_domains, folder_domains
from dljax.data.enlarging import (
    PicturePair,
    middle_patches,
    picture_pairs,
    random_patches,
)
from dljax.data.faults import FAULTS, inject_faults
from dljax.data.held_out_text import HeldOutText, held_out_text
from dljax.data.image_pairs import ImagePairs, combined_folder, paired_folders
from dljax.data.imagenet import IMAGENET, normalise_caffe, normalise_imagenet
from dljax.data.images import as_float, crop, pad, resize
from dljax.data.labelled import labelled
from dljax.data.labelled_text import (
    LabelledTexts,
    labelled_lines,
    read_labelled,
    text_folder,
)
from dljax.data.load import BUILT_IN, load
from dljax.data.mixtures import Mixture, lattice, ring
from dljax.data.normalise import Normalizer, mean_range, min_max, z_score
from dljax.data.opened import open_images
from dljax.data.own import cifar, folder, idx
from dljax.data.padded import Encoded, encode_pairs, encode_texts
from dljax.data.painting import Placement, paint
from dljax.data.pairs import Pairs, pair_folder, read_lines, read_pairs
from dljax.data.parting import by_rows, hold_out, rows_of_months
from dljax.data.photograph_pairs import photograph_pairs
from dljax.data.photographs import (
    Photographs,
    photograph_folder,
    sample_photographs,
)
from dljax.data.plain_pictures import read_pictures
from dljax.data.procedural import procedural
from dljax.data.random_windows import random_windows
from dljax.data.recordings import (
    Recordings,
    named_recordings,
    recording_folder,
    transcribed_recordings,
)
from dljax.data.replay import Replay, replay
from dljax.data.resident import resident
from dljax.data.reviews import reviews
from dljax.data.scenes import Scenes, digit_scenes
from dljax.data.seasonal_columns import seasonal_columns
from dljax.data.sequences import adding_problem, sum_problem
from dljax.data.series import by_time, mackey_glass, seasonal
from dljax.data.shuffle import permute
from dljax.data.spoken import Speaker, speak, spoken_digits
from dljax.data.stream import stream
from dljax.data.synthetic import regression, truth_table
from dljax.data.table import read_column
from dljax.data.text import Vocabulary, read_text, scored_windows, text_windows
from dljax.data.textures import on_textures, photograph_strips
from dljax.data.together import together
from dljax.data.token_files import load_tokens, save_tokens, tokens_from_json
from dljax.data.tokens import Tokens
from dljax.data.translated import augmented, unpaired
from dljax.data.wav import Sound, read_wav, write_wav
from dljax.data.windows import (
    all_windows,
    average_windows,
    count_windows,
    cut_windows,
    window_source,
)
from dljax.data.words import Words
from dljax.data.written import write_folder

__all__ = [
    'augment',
    'BUILT_IN',
    'FAULTS',
    'IMAGENET',
    'Buckets',
    'BytePairs',
    'CaptionedPictures',
    'Captions',
    'ClassifiedTexts',
    'Columns',
    'DataSet',
    'Domains',
    'Encoded',
    'HeldOutText',
    'ImagePairs',
    'LabelledTexts',
    'Mixture',
    'Normalizer',
    'Pairs',
    'Photographs',
    'PicturePair',
    'Placement',
    'Recordings',
    'Records',
    'Replay',
    'Scenes',
    'Sound',
    'Speaker',
    'Tokens',
    'Vocabulary',
    'Words',
    'adding_problem',
    'all_windows',
    'as_float',
    'augmented',
    'average_windows',
    'batches',
    'batches_per_epoch',
    'brackets',
    'bucket_batches',
    'bucketed',
    'by_rows',
    'by_time',
    'captioned_folder',
    'captioned_scenes',
    'cifar',
    'class_weights',
    'classified_texts',
    'combined_folder',
    'compose_recordings',
    'count_windows',
    'crop',
    'cut_to_multiple',
    'cut_windows',
    'dates',
    'digit_domains',
    'digit_scenes',
    'encode_pairs',
    'encode_texts',
    'enlarge',
    'folder',
    'folder_domains',
    'gaussian_noise',
    'held_out_text',
    'hold_out',
    'idx',
    'inject_faults',
    'labelled',
    'labelled_lines',
    'lattice',
    'length_buckets',
    'load',
    'load_tokens',
    'mackey_glass',
    'masking',
    'mean_range',
    'middle_patches',
    'min_max',
    'named_recordings',
    'normalise_caffe',
    'normalise_imagenet',
    'on_textures',
    'open_images',
    'pad',
    'paint',
    'pair_folder',
    'paired_folders',
    'permute',
    'photograph_folder',
    'photograph_pairs',
    'photograph_strips',
    'picture_pairs',
    'procedural',
    'random_patches',
    'random_windows',
    'read_column',
    'read_columns',
    'read_labelled',
    'read_lines',
    'read_pairs',
    'read_pictures',
    'read_text',
    'read_wav',
    'recording_folder',
    'regression',
    'replay',
    'resident',
    'resize',
    'resize_bicubic',
    'reviews',
    'ring',
    'rows_of_months',
    'salt_and_pepper',
    'sample_photographs',
    'save_tokens',
    'scored_windows',
    'seasonal',
    'seasonal_columns',
    'shrink',
    'speak',
    'spoken_digits',
    'stream',
    'sum_problem',
    'text_folder',
    'text_windows',
    'together',
    'tokens_from_json',
    'transcribed_recordings',
    'truth_table',
    'unpaired',
    'window_source',
    'with_balance',
    'write_folder',
    'write_wav',
    'z_score',
]
