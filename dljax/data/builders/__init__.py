"""TFDS builders, without TensorFlow, of installed sets and of files of the user."""
