"""Networks: what they are (``architecture``), how they compute (``conv``, ``dense``, ``skip``), and surgery on them."""
