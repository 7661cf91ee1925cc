import CPlatform
import Glibc
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
}
