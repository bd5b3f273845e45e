"""From files to what they are and what repeats over all of them."""
