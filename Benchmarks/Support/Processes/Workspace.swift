import CPlatform
import Foundation

/// The folder of one run, and everything that it started.
package final class Workspace {
    /// Short: sockets lie below it, and their paths have at most 107 bytes.
    package let folder: String
    /// What nothing in the environment of the benchmark may change for one side only.
    package let environment: [String: String]
    private var children: [ChildProcess] = []

    package init() throws {
        var template = Array("/tmp/wc-bench.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw BenchmarkError("No folder can be made under /tmp: \(errnoText(errno))")
        }
        folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        environment = ProcessInfo.processInfo.environment.merging(Self.serverEnvironment) { $1 }
        // Whatever is orphaned below comes to us, and can be ended.
        _ = wc_become_subreaper()
    }

    /// Set for the stock server and, in the controller's config, for the runtime.
    package static let serverEnvironment = ["HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"]

    /// - Parameter changes: to the environment, for this one alone.
    package func start(_ command: [String], changes: [String: String] = [:], log name: String) throws -> ChildProcess {
        let child = try ChildProcess(
            command, environment: environment.merging(changes) { $1 }, log: "\(folder)/\(name).log")
        children.append(child)
        return child
    }

    /// Ends what still runs, in the reverse order of starting.
    ///
    /// - Returns: the pids of processes that their parents had left behind; they are killed.
    package func endAll() -> [Int] {
        for child in children.reversed() { child.end(grace: .seconds(60)) }
        let leftovers = ProcessTable.descendants(of: Int(getpid()))
        for pid in leftovers { kill(pid_t(pid), SIGKILL) }
        var pid: pid_t = 0
        var status: Int32 = 0
        let deadline = Instant.now + .seconds(10)
        while wc_reap_any(&pid, &status) >= 0, .now < deadline { usleep(5000) }
        return leftovers
    }

    package func remove() { try? FileManager.default.removeItem(atPath: folder) }
}
