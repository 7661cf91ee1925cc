import CPlatform
import Foundation
import Synchronization

/// The processes that one test starts itself; they end with it.
final class TestProcesses: Sendable {
    private let pidfds = Mutex<[Int: Int32]>([:])

    deinit {
        for pidfd in pidfds.withLock({ $0.values }) {
            _ = wc_pidfd_signal(pidfd, SIGKILL)
            Self.awaitEnd(pidfd)
            // If nobody did it before.
            var status: Int32 = 0
            _ = wc_reap(pidfd, &status)
            close(pidfd)
        }
    }

    /// - Parameters:
    ///   - input: becomes its standard input instead of nothing.
    ///   - output: becomes its standard output instead of nothing.
    /// - Returns: its pid.
    @discardableResult
    func start(
        _ command: [String] = ["/bin/sleep", "600"], input: Int32? = nil, output: Int32? = nil
    ) throws -> Int {
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        defer { close(null) }
        let strings = command.map { strdup($0) } + [nil]
        defer { for string in strings { free(string) } }
        var pid: pid_t = 0
        var pidfd: Int32 = -1
        let failure = wc_spawn(command[0], strings, [nil], [input ?? null, output ?? null, null], 3, 1, &pid, &pidfd)
        guard failure == 0 else { throw TestFailure("\(command[0]): \(String(cString: strerror(failure)))") }
        pidfds.withLock { $0[Int(pid)] = pidfd }
        return Int(pid)
    }

    /// A process that another one started, so that only that one can tell how it ended.
    ///
    /// - Returns: its pid, and a descriptor to be closed by the caller: its parent reaps nothing before.
    func startGrandchild() throws -> (pid: Int, parentInput: Int32) {
        let (input, output) = (try Pipe(), try Pipe())
        try start(
            ["/bin/sh", "-c", "sleep 600 & echo $!; read line; wait"], input: input.reading, output: output.writing)
        close(input.reading)
        close(output.writing)
        defer { close(output.reading) }
        guard let pid = Int(output.readLine()) else { throw TestFailure("the shell told no pid") }
        return (pid, input.writing)
    }

    func signal(_ pid: Int, _ number: Int32) {
        guard let pidfd = pidfds.withLock({ $0[pid] }) else { return }
        _ = wc_pidfd_signal(pidfd, number)
    }

    /// A pid that is nobody's: its process has ended and was reaped.
    func deadPid() throws -> Int {
        let pid = try start(["/bin/true"])
        guard let pidfd = pidfds.withLock({ $0.removeValue(forKey: pid) }) else { return pid }
        Self.awaitEnd(pidfd)
        var status: Int32 = 0
        _ = wc_reap(pidfd, &status)
        close(pidfd)
        return pid
    }

    private static func awaitEnd(_ pidfd: Int32) {
        var polled = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
        _ = poll(&polled, 1, 30_000)
    }
}

/// Both ends of a pipe.
struct Pipe {
    let reading: Int32
    let writing: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        // `wc_spawn` hands on only what it is told to.
        guard pipe(&ends) == 0 else { throw TestFailure("no pipe: \(errno)") }
        (reading, writing) = (ends[0], ends[1])
    }

    /// What has been written, up to the first line's end. For programs that write it at once.
    func readLine() -> String {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while read(reading, &byte, 1) == 1, byte != UInt8(ascii: "\n") { line.append(byte) }
        return String(decoding: line, as: UTF8.self)
    }
}

/// A test cannot go on.
struct TestFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Waits for what has no event.
func eventually(_ isMet: () async throws -> Bool) async throws {
    while try await !isMet() { try await Task.sleep(for: .milliseconds(5)) }
}
