"""Sizes and fractions out of range are refused where a model is made."""

import pytest

from dljax import zoo

# Of these there may be none.
NONE_IS_ENOUGH = {
    ('vqvae', 'blocks'),
    ('alexnet_2012', 'padding'),
    ('cyclegan', 'blocks'),
    ('cyclegan', 'halvings'),
    ('cyclegan', 'pool'),
    ('cyclegan_small', 'blocks'),
    ('cyclegan_small', 'halvings'),
    ('cyclegan_small', 'pool'),
    ('infogan', 'continuous'),
    ('infogan', 'noise'),
    ('unet', 'depth'),
    ('unet_2015', 'depth'),
    ('wgan_gp', 'blocks'),
}


def is_size(value):
    return isinstance(value, int) and not isinstance(value, bool)


def out_of_range(name):
    for setting, parameter in zoo.settings(name).items():
        value = parameter.default
        if is_size(value):
            yield setting, -1
            if (name, setting) not in NONE_IS_ENOUGH:
                yield setting, 0
        elif isinstance(value, tuple) and value and all(map(is_size, value)):
            yield setting, (0, *value[1:])
            yield setting, (*value[:-1], -1)
        elif 'dropout' in setting and isinstance(value, float):
            yield from ((setting, fraction) for fraction in (-0.1, 1.0, float('nan')))


@pytest.mark.parametrize('name', zoo.list_models())
def test_a_model_refuses_sizes_and_fractions_out_of_range(name):
    for setting, value in out_of_range(name):
        with pytest.raises(ValueError, match='wanted'):
            print(setting, value)  # shown where nothing is raised
            zoo.create_model(name, **{setting: value})
