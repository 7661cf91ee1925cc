import CPlatform
@preconcurrency import Dispatch
import Foundation

/// A program that a test started. It is killed when the test lets go of it.
public final class ChildProcess: Sendable {
    public enum Exit: Sendable, Equatable {
        case status(Int)
        case signal(Int)
    }

    public let pid: Int
    private let pidfd: Int32
    private let exit = Watched<Exit?>(nil)
    private let output: OutputReader
    private let errors: OutputReader

    /// - Parameters:
    ///   - command: the full path of a program, and its arguments.
    ///   - environment: added to the tests' own.
    public init(_ command: [String], environment: [String: String] = [:]) throws {
        let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer { close(null) }
        output = try OutputReader()
        errors = try OutputReader()
        let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let strings = (command + variables.map { "\($0)=\($1)" }).map { strdup($0) }
        defer { for string in strings { free(string) } }
        var pid: pid_t = 0
        var descriptor: Int32 = -1
        let failure = wc_spawn(
            command[0], strings.prefix(command.count) + [nil], strings.dropFirst(command.count) + [nil],
            [null, output.writer, errors.writer], 3, 1, &pid, &descriptor)
        output.begin()
        errors.begin()
        guard failure == 0 else { throw TestFailure("\(command[0]): \(String(cString: strerror(failure)))") }
        self.pid = Int(pid)
        pidfd = descriptor
        watchForEnd()
    }

    deinit {
        // Whoever watches for the end still reaps it, with a descriptor of its own.
        _ = wc_pidfd_signal(pidfd, SIGKILL)
        close(pidfd)
    }

    private func watchForEnd() {
        let watched = fcntl(pidfd, F_DUPFD_CLOEXEC, 0)
        let source = DispatchSource.makeReadSource(fileDescriptor: watched, queue: .global())
        source.setCancelHandler { close(watched) }
        source.setEventHandler { [source, exit] in
            var status: Int32 = 0
            guard wc_reap(watched, &status) == 1 else { return }
            let signal = Int(status & 0x7f)
            let end: Exit = signal == 0 ? .status(Int(status >> 8) & 0xff) : .signal(signal)
            exit.update { $0 = end }
            source.cancel()
        }
        source.activate()
    }

    /// Nil while it runs.
    public var exitNow: Exit? { exit.value }

    /// What it has written to standard output by now.
    public var outputText: String { output.text.value.text }
    /// What it has written to standard error by now.
    public var errorText: String { errors.text.value.text }

    public func send(_ signal: Int32) {
        _ = wc_pidfd_signal(pidfd, signal)
    }

    /// Waits for its end, and for the last of its output.
    public func waitForEnd(atMost limit: Duration = patience) async throws -> Exit {
        guard let end = await exit.wait(atMost: limit, for: { $0 }) else {
            throw TestFailure("pid \(pid) has not ended within \(limit); it says:\n\(errorText)")
        }
        for reader in [output, errors] {
            _ = await reader.text.wait(atMost: .seconds(5)) { $0.isComplete ? true : nil }
        }
        return end
    }

    /// Waits until it has written a line with this text to standard error, and returns the line.
    public func waitForError(containing text: String, atMost limit: Duration = patience) async throws -> String {
        let line = await errors.text.wait(atMost: limit) { written -> String?? in
            let line = written.lines.first { $0.contains(text) }.map(String.init)
            return line == nil && !written.isComplete ? nil : .some(line)
        }
        guard let found = line ?? nil else {
            throw TestFailure("pid \(pid) did not write '\(text)'; it says:\n\(errorText)")
        }
        return found
    }

    /// Waits until it has written a whole line to standard output, and returns the first.
    public func waitForOutput(atMost limit: Duration = patience) async throws -> String {
        let line = await output.text.wait(atMost: limit) { written -> String?? in
            let line = written.lines.first.map(String.init)
            return line == nil && !written.isComplete ? nil : .some(line)
        }
        guard let found = line ?? nil else {
            throw TestFailure("pid \(pid) wrote no line; it says:\n\(errorText)")
        }
        return found
    }
}
