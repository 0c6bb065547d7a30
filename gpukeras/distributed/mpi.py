"""Processes that `mpirun` or `srun` started, by way of mpi4py."""

import os

import numpy as np

from .ring import Alone

# What the starters of Open MPI, MPICH, Intel MPI and Slurm set for every process.
_STARTED = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK", "MV2_COMM_WORLD_SIZE")
_LARGEST = 1 << 27  # elements of one message


class Mpi(Alone):
    """All processes of an MPI program.

    Arguments:
        module: `mpi4py.MPI`.
    """

    def __init__(self, module):
        self._mpi = module
        self._all = module.COMM_WORLD
        self.rank, self.size = self._all.Get_rank(), self._all.Get_size()
        here = self._all.Split_type(module.COMM_TYPE_SHARED)
        self.local_rank, self.local_size = here.Get_rank(), here.Get_size()
        here.Free()

    @classmethod
    def from_environment(cls):
        """The program that this process was started in, or None.

        Raises:
            ImportError: when MPI started it and mpi4py is not there.
        """
        if not any(name in os.environ for name in _STARTED):
            return None
        try:
            from mpi4py import MPI
        except ImportError as error:
            raise ImportError(
                "this process was started by MPI, which needs mpi4py (pip install 'gpukeras[mpi]'); without MPI, "
                "start the program with python -m gpukeras.distributed -n 2 script.py"
            ) from error
        return cls(MPI)

    def sum(self, flat):
        wide = flat.astype("float32") if flat.dtype == np.float16 else flat  # MPI knows no float16
        for start in range(0, len(wide), _LARGEST):
            self._all.Allreduce(self._mpi.IN_PLACE, wide[start : start + _LARGEST], op=self._mpi.SUM)
        if wide is not flat:
            flat[:] = wide

    def gather(self, data):
        return self._all.allgather(data)

    def broadcast(self, data, root):
        return self._all.bcast(data, root=root)
