import CPlatform
import Foundation

/// A program that the benchmark started, in a session of its own, its output in a file.
package final class ChildProcess {
    package let pid: Int
    /// Just before it was started.
    package let start: Instant
    package let log: String
    private let pidfd: Int32
    private var isReaped = false

    /// - Parameter command: the program's path, then its arguments.
    package init(_ command: [String], environment: [String: String], log: String) throws {
        self.log = log
        let output = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard output >= 0 else { throw BenchmarkError("\(log) cannot be written: \(errnoText(errno))") }
        defer { close(output) }
        let input = open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer { close(input) }

        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in arguments + variables { free(text) } }
        var pid: pid_t = 0
        var pidfd: Int32 = -1
        start = .now
        let failure = wc_spawn(command[0], &arguments, &variables, [input, output, output], 3, 1, &pid, &pidfd)
        guard failure == 0 else { throw BenchmarkError("\(command[0]) cannot be started: \(errnoText(failure))") }
        self.pid = Int(pid)
        self.pidfd = pidfd
    }

    deinit { close(pidfd) }

    package var isRunning: Bool {
        if isReaped { return false }
        var status: Int32 = 0
        isReaped = wc_reap(pidfd, &status) != 0
        return !isReaped
    }

    /// Asks it to end, waits until all of its session's first process group is gone, and kills what is left after the grace.
    /// Goes on when interrupted: this is how things end.
    ///
    /// - Returns: whether it ended by itself.
    @discardableResult
    package func end(grace: Duration) -> Bool {
        if isRunning { _ = wc_pidfd_signal(pidfd, SIGTERM) }
        if isGroupGone(within: grace) { return true }
        kill(-pid_t(pid), SIGKILL)
        _ = isGroupGone(within: .seconds(10))
        return false
    }

    private func isGroupGone(within limit: Duration) -> Bool {
        let deadline = Instant.now + limit
        while true {
            // Orphans of the group are ours to reap.
            if !isRunning { while waitpid(-pid_t(pid), nil, WNOHANG) > 0 {} }
            if !isRunning, kill(-pid_t(pid), 0) != 0 { return true }
            guard .now < deadline else { return false }
            usleep(5000)
        }
    }

    /// The end of its log.
    package var lastWords: String {
        let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").suffix(15).joined(separator: "\n")
    }

    /// Runs a command to its end and gives what it wrote; nil if that failed.
    package static func output(of command: [String], in folder: String) -> String? {
        let log = folder + "/output-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: log) }
        let environment = ProcessInfo.processInfo.environment
        guard let child = try? ChildProcess(command, environment: environment, log: log) else { return nil }
        defer { child.end(grace: .zero) }
        let ended: Void? = try? Interruption.poll(every: .milliseconds(5), for: .seconds(60), what: command[0]) {
            child.isRunning ? nil : ()
        }
        guard ended != nil else { return nil }
        return try? String(contentsOfFile: log, encoding: .utf8)
    }
}
