"""Sphinx settings. Everything is built offline: no inventories of other projects, no remote fonts or scripts."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent / "src")]

project = "Counterpoint"
author = "Counterpoint maintainers"
copyright = "Counterpoint maintainers, Apache License 2.0"
release = version = "0.1.0"

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "mathml",
    "systems",
    "reference",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "gallery", "generated/parts"]
suppress_warnings = ["config.cache", "ref.python"]  # two classes are called Run
default_role = "py:obj"
add_module_names = False

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "gallery_out",
    "filename_pattern": r"plot_",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 1,
    "abort_on_example_error": True,
    "remove_config_comments": True,
    "reset_modules": (),
}

html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = "Counterpoint"
html_static_path = ["_static"]
html_css_files = ["counterpoint.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_toc_level": 2,
    "header_links_before_dropdown": 6,
}
