#define _GNU_SOURCE
#include "cplatform.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Not in the headers of glibc 2.36 (waitid knows the number).
#define WC_P_PIDFD 3
#define WC_MAX_SPAWN_FDS 16
// The largest processor number that is understood, plus one.
#define WC_MAX_CORES 8192

static int negative_errno(long result) { return result < 0 ? -errno : (int)result; }

// Runs in the child of a process that may have had many threads: only async-signal-safe calls.
static _Noreturn void become(const char *path, char *const argv[], char *const envp[], const int *fds, int nfds,
                             int new_session, int error_pipe) {
  int lifted[WC_MAX_SPAWN_FDS];
  int failure = 0;
  if (new_session && setsid() < 0) goto fail;
  // First everything is lifted above the target range, so that no dup2 overwrites a source that is still needed.
  int lifted_pipe = fcntl(error_pipe, F_DUPFD_CLOEXEC, WC_MAX_SPAWN_FDS);
  if (lifted_pipe < 0) goto fail;
  error_pipe = lifted_pipe;
  for (int i = 0; i < nfds; i++) {
    lifted[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, WC_MAX_SPAWN_FDS);
    if (lifted[i] < 0) goto fail;
  }
  for (int i = 0; i < nfds; i++) {
    if (dup2(lifted[i], i) < 0) goto fail;
  }
  // Marks instead of closing: the error pipe has to live until exec.
  if (syscall(SYS_close_range, (unsigned)nfds, ~0U, CLOSE_RANGE_CLOEXEC) < 0) goto fail;

  struct sigaction standard;
  memset(&standard, 0, sizeof standard);
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < _NSIG; number++) sigaction(number, &standard, NULL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);

  execve(path, argv, envp);
fail:
  failure = errno;
  // Shorter than PIPE_BUF: written whole or not at all.
  ssize_t ignored = write(error_pipe, &failure, sizeof failure);
  (void)ignored;
  _exit(127);
}

int wc_spawn(const char *path, char *const argv[], char *const envp[], const int *fds, int nfds, int new_session,
             pid_t *pid, int *pidfd) {
  if (nfds < 0 || nfds > WC_MAX_SPAWN_FDS) return EINVAL;
  int pipe_ends[2];
  if (pipe2(pipe_ends, O_CLOEXEC) < 0) return errno;

  // No handler of the parent may run in the child before its handlers are reset.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  pid_t child = fork();
  if (child == 0) become(path, argv, envp, fds, nfds, new_session, pipe_ends[1]);
  int failure = child < 0 ? errno : 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  close(pipe_ends[1]);

  if (failure == 0) {
    ssize_t length;
    do {
      length = read(pipe_ends[0], &failure, sizeof failure);
    } while (length < 0 && errno == EINTR);
    if (length != (ssize_t)sizeof failure) failure = 0;

    int descriptor = failure == 0 ? wc_pidfd_open(child) : -1;
    if (failure == 0 && descriptor < 0) {
      failure = -descriptor;
      kill(child, SIGKILL);
    }
    if (failure == 0) {
      *pid = child;
      *pidfd = descriptor;
    } else {
      while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
      }
    }
  }
  close(pipe_ends[0]);
  return failure;
}

int wc_pidfd_open(pid_t pid) { return negative_errno(syscall(SYS_pidfd_open, pid, 0)); }

int wc_pidfd_signal(int pidfd, int sig) {
  return negative_errno(syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0));
}

int wc_reap(int pidfd, int *status) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  if (waitid((idtype_t)WC_P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) < 0) return -errno;
  if (info.si_pid == 0) return 0;
  if (info.si_code == CLD_EXITED) {
    *status = (info.si_status & 0xff) << 8;
  } else {
    *status = (info.si_status & 0x7f) | (info.si_code == CLD_DUMPED ? 0x80 : 0);
  }
  return 1;
}

int wc_reap_any(pid_t *pid, int *status) {
  pid_t found = waitpid(-1, status, WNOHANG);
  if (found < 0) return -errno;
  if (found == 0) return 0;
  *pid = found;
  return 1;
}

int wc_find_ended(pid_t *pid) {
    siginfo_t info;
    info.si_pid = 0;
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return errno == ECHILD ? 0 : -errno;
    *pid = info.si_pid;
    return info.si_pid != 0;
}

int wc_become_subreaper(void) { return negative_errno(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)); }

int wc_peer(int socket, pid_t *pid, uid_t *uid) {
  struct ucred credentials;
  socklen_t length = sizeof credentials;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0) return -errno;
  *pid = credentials.pid;
  *uid = credentials.uid;
  return 0;
}

int wc_lock_file(int fd) { return negative_errno(flock(fd, LOCK_EX | LOCK_NB)); }

void wc_ignore_sigpipe(void) { signal(SIGPIPE, SIG_IGN); }

int wc_set_affinity(const int *cores, int n) {
  size_t size = CPU_ALLOC_SIZE(WC_MAX_CORES);
  cpu_set_t *set = CPU_ALLOC(WC_MAX_CORES);
  if (set == NULL) return -ENOMEM;
  CPU_ZERO_S(size, set);
  int result = 0;
  for (int i = 0; i < n; i++) {
    if (cores[i] < 0 || cores[i] >= WC_MAX_CORES) {
      result = -EINVAL;
      break;
    }
    CPU_SET_S(cores[i], size, set);
  }
  if (result == 0) result = negative_errno(sched_setaffinity(0, size, set));
  CPU_FREE(set);
  return result;
}

int wc_affinity(int *cores, int capacity) {
  size_t size = CPU_ALLOC_SIZE(WC_MAX_CORES);
  cpu_set_t *set = CPU_ALLOC(WC_MAX_CORES);
  if (set == NULL) return -ENOMEM;
  CPU_ZERO_S(size, set);
  int count = negative_errno(sched_getaffinity(0, size, set));
  if (count == 0) {
    for (int core = 0; core < WC_MAX_CORES; core++) {
      if (!CPU_ISSET_S(core, size, set)) continue;
      if (count < capacity) cores[count] = core;
      count++;
    }
  }
  CPU_FREE(set);
  return count;
}
