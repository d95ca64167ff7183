"""The publisher's side of the bytes: cut, stage, sign, publish, push."""
