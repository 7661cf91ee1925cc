#pragma once

#include <sys/types.h>

// What Swift cannot say on Linux: starting processes, pidfds, peer credentials, affinity.
//
// Errors: functions that return a descriptor, a count or a yes/no answer return -errno (always negative) when they
// fail; errno itself means nothing afterwards. The one exception: `wc_spawn` returns a positive errno, because it
// has no other result. None of them blocks, except `wc_spawn` for the moment until the child has called exec.

/// Starts a program.
///
/// In the child, fds[i] becomes descriptor i and every other descriptor is closed; signal handlers and the signal mask
/// are reset, the ones that were ignored included. Only async-signal-safe calls are made between fork and exec, so this
/// may be called from any thread. Every descriptor of the parent's side is close-on-exec.
///
/// @param path         the program; no search through PATH
/// @param argv, envp   NULL-terminated
/// @param fds, nfds    at most 16
/// @param new_session  not 0: the child leads a session and process group of its own
/// @param pid, pidfd   set on success; the caller closes pidfd and reaps the child
/// @return 0 or a positive errno, that of exec in the child included; on failure there is no child left
int wc_spawn(const char *path, char *const argv[], char *const envp[], const int *fds, int nfds, int new_session,
             pid_t *pid, int *pidfd);

/// A close-on-exec descriptor for a process, readable when it has ended; -ESRCH if there is none.
int wc_pidfd_open(pid_t pid);

/// Sends a signal to exactly the process behind the descriptor; 0, or -ESRCH if it was reaped already.
int wc_pidfd_signal(int pidfd, int sig);

/// Reaps a child: 1 and its wait status (as of waitpid), 0 if it has not ended yet, -ECHILD if it is not our child.
int wc_reap(int pidfd, int *status);

/// Reaps any one child that has ended: 1, its pid and its wait status; 0 if none has; -ECHILD if there are none.
int wc_reap_any(pid_t *pid, int *status);

/// Looks for any one child that has ended, and leaves it to be reaped: 1 and its pid; 0 if there is none.
int wc_find_ended(pid_t *pid);

/// Makes orphaned descendants children of this process, so that it can reap them; 0 or -errno.
int wc_become_subreaper(void);

/// Who is at the other end of a connected Unix socket. A pid of 0 is one of another pid namespace. 0 or -errno.
int wc_peer(int socket, pid_t *pid, uid_t *uid);

/// Takes the exclusive lock of an open file, until its descriptor is closed; -EWOULDBLOCK if another has it.
int wc_lock_file(int fd);

/// Writing to a closed pipe or socket then fails with EPIPE instead of ending the process.
void wc_ignore_sigpipe(void);

/// Ties the calling thread, and the threads that it makes from now on, to these processors; 0 or -errno.
int wc_set_affinity(const int *cores, int n);

/// The processors that the calling thread may use, ascending; their number (which may be more than `capacity`, of which
/// only so many are written) or -errno.
int wc_affinity(int *cores, int capacity);
