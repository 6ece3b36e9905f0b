"""Random changes to images and sounds on the device, each example by its own draw.

All but the mixing ones are pure functions `(key, images) -> images` of
[batch, height, width, channel], built by a call that checks their settings. They belong
inside the loss or the train step, with a key of that step: `classify(augment=...)`.
Under `jit` a batch split over devices becomes the images that one device makes of it.

Those of sounds take the lengths of padded ones besides: `(key, sounds, lengths)`.

Compiled, for 128 images of 32x32x3 on a 2-core CPU (best of five means of a hundred
calls): flips, quarter turns and cutout take 0.1 ms; crops, mixup, CutMix and one step
of colour 0.2; affine changes 0.3; all four steps of colour 0.6; resized crops 0.6 to
1.1; erasing with noise 2, Gaussian noise and salt and pepper 4, where drawing the
random numbers is what takes the time.
"""

from dljax.data.augment.affine import affine as affine
from dljax.data.augment.affine import rotation as rotation
from dljax.data.augment.affine import scaling as scaling
from dljax.data.augment.affine import translation as translation
from dljax.data.augment.affine import warp as warp
from dljax.data.augment.audio import add_noise as add_noise
from dljax.data.augment.audio import mask_bands as mask_bands
from dljax.data.augment.audio import mask_time as mask_time
from dljax.data.augment.audio import shift_time as shift_time
from dljax.data.augment.colour import adjust_brightness as adjust_brightness
from dljax.data.augment.colour import adjust_contrast as adjust_contrast
from dljax.data.augment.colour import adjust_hue as adjust_hue
from dljax.data.augment.colour import adjust_saturation as adjust_saturation
from dljax.data.augment.colour import colour_jitter as colour_jitter
from dljax.data.augment.colour import to_grayscale as to_grayscale
from dljax.data.augment.combine import chance as chance
from dljax.data.augment.combine import choice as choice
from dljax.data.augment.combine import compose as compose
from dljax.data.augment.combine import fixed as fixed
from dljax.data.augment.crops import random_crop as random_crop
from dljax.data.augment.crops import random_resized_crop as random_resized_crop
from dljax.data.augment.erase import cutout as cutout
from dljax.data.augment.erase import random_erasing as random_erasing
from dljax.data.augment.flips import flip as flip
from dljax.data.augment.flips import quarter_turns as quarter_turns
from dljax.data.augment.form import Augmentation as Augmentation
from dljax.data.augment.mix import Mixed as Mixed
from dljax.data.augment.mix import Mixing as Mixing
from dljax.data.augment.mix import cutmix as cutmix
from dljax.data.augment.mix import mixup as mixup
