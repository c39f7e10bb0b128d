"""The data plane that packets follow: route tables as tables of a Linux kernel, written through the
privileged helper.
"""
