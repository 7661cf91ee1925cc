import CPlatform
import Glibc
import Logging
import Supervision

/// Reaps what nobody else does: orphans of processes that were killed become children of the controller, which is their
/// subreaper, and nobody watches them.
struct OrphanReaper: Sendable {
    let supervisor: ProcessSupervisor

    /// Looks every few seconds until the task is cancelled.
    func run() async {
        while (try? await Task.sleep(for: .seconds(5))) != nil {
            let watched = await supervisor.watchedPids
            var pid: pid_t = 0
            // One that is watched is reaped in a moment, and hides the others until then.
            while wc_find_ended(&pid) == 1, !watched.contains(Int(pid)), waitpid(pid, nil, WNOHANG) == pid {}
        }
    }

    /// Ends whatever is still a child of the controller when it has ended all that it knows: a process that a zygote forked
    /// in the moment in which it was killed, so that nobody was told its pid.
    static func endOrphans(logger: Logger) async {
        let controller = Int(getpid())
        let deadline = ContinuousClock.now + .seconds(5)
        while .now < deadline {
            let orphans = ProcFS.children(of: controller)
            guard !orphans.isEmpty else { return }
            for pid in orphans {
                kill(pid_t(pid), SIGKILL)
                if waitpid(pid_t(pid), nil, WNOHANG) == pid {
                    logger.notice("reaped a process that was left over", metadata: ["pid": "\(pid)"])
                }
            }
            // There is no event for the end of a process of unknown number.
            try? await Task.sleep(for: .milliseconds(2))
        }
        logger.error("processes are left over that do not end")
    }
}
