"""Recurrent networks."""

from dljax.models.recurrent.character_model import CharacterModel

__all__ = ['CharacterModel']
