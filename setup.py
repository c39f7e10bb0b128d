"""The kernels: modules of the package that are compiled where there is a C compiler.

Each is plain Python beside a ``.pxd`` with its C types. Where Cython or a compiler is missing, or
ROUTESERVER_KERNELS=no is in the environment, the same source runs interpreted and everything works,
slower.
"""

import os
import sys

from setuptools import Extension, setup

KERNELS = (
    "routeserver.bgp.plain",
    "routeserver.bgp.plain_list",
    "routeserver.net.attribute_set",
    "routeserver.rib.choices",
    "routeserver.rib.paths",
    "routeserver.rib.prefix_index",
    "routeserver.rib.prefix_table",
)


def kernels() -> list[Extension]:
    if os.environ.get("ROUTESERVER_KERNELS") == "no":
        return []
    try:
        from Cython.Build import cythonize  # noqa: PLC0415 - only where it is installed
    except ImportError:
        print("without Cython the kernels stay interpreted", file=sys.stderr)
        return []
    extensions = [
        Extension(name, [f"src/{name.replace('.', '/')}.py"], optional=True) for name in KERNELS
    ]
    return cythonize(
        extensions,
        build_dir="build",
        include_path=["src"],
        language_level=3,
        compiler_directives={
            "annotation_typing": False,
            "boundscheck": False,
            "wraparound": False,
            "initializedcheck": False,
            "cdivision": True,
        },
    )


setup(ext_modules=kernels())
