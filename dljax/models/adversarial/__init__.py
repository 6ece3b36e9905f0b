"""Generators and discriminators that learn against each other."""

from dljax.models.adversarial.gan import gan

__all__ = ['gan']
