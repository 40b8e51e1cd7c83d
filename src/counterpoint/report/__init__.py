"""From run folders to one self-contained page (`build`), a model card (`card`) and figures (`figures`)."""
