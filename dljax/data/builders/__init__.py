"""TFDS builders, without TensorFlow, of the sets that come with scikit-learn."""
