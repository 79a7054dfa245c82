"""Publications: editions of a plan, monthly and on demand, that nobody can edit.

An edition holds outcomes, ranks, gaps, movements since the one before and the inputs they follow from, in
several formats; each file is hashed, the hashes are signed (ES256), and what was published stays as it is. A
correction is a new edition that names the one it corrects.

Invariants: an edition and its files are never changed or deleted; its number follows the one before without
a gap; what it shows is what everybody may see who may see the edition; its key stays in the JWKS for ever.
"""
