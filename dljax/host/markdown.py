"""Words in Markdown that are nothing but words."""

import html
import re


def plain(words: str) -> str:
    r"""Write words in one line that are neither HTML nor Markdown.

    Args:
        words: any text.

    Returns:
        The text for a paragraph or a cell of a table.

    Example:
        >>> plain('a | <b> of *c*')
        'a \\| &lt;b&gt; of \\*c\\*'
    """
    words = html.escape(' '.join(words.split()), quote=False)
    return re.sub(r'([\\`*\[\]|]|(?<!\w)_|_(?!\w))', r'\\\1', words)
