import CPlatform
import Foundation

/// What the kernel tells of processes that are not the tests' children.
public enum ProcessTable {
    public struct Entry: Sendable, CustomStringConvertible {
        public let pid: Int
        public let parent: Int
        /// As in `/proc/PID/stat`: `R`, `S`, `Z`, ...
        public let state: Character
        public let command: [String]

        public var description: String { "\(pid) (\(state)) \(command.joined(separator: " "))" }
    }

    public static func all() -> [Entry] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap(Int.init).compactMap(entry)
    }

    /// Those that were started with this text in an argument, or write to a file whose path has it: vLLM's processes give
    /// themselves other names. Zombies have neither.
    public static func processes(naming text: String) -> [Entry] {
        all().filter { entry in
            entry.pid != Int(getpid())
                && (entry.command.contains { $0.contains(text) } || output(of: entry.pid)?.contains(text) == true)
        }
    }

    private static func output(of pid: Int) -> String? {
        try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/1")
    }

    /// Whether the process runs; one that has ended and was not reaped does not.
    public static func isAlive(_ pid: Int) -> Bool {
        entry(pid).map { $0.state != "Z" && $0.state != "X" } ?? false
    }

    /// Ends exactly this process.
    public static func kill(_ pid: Int) throws { try send(SIGKILL, to: pid) }

    /// Freezes exactly this process.
    public static func stop(_ pid: Int) throws { try send(SIGSTOP, to: pid) }

    private static func send(_ signal: Int32, to pid: Int) throws {
        guard let kernelPid = pid_t(exactly: pid) else { throw TestFailure("\(pid) is no pid") }
        let descriptor = wc_pidfd_open(kernelPid)
        guard descriptor >= 0 else { throw TestFailure("there is no process \(pid)") }
        defer { close(descriptor) }
        guard wc_pidfd_signal(descriptor, signal) == 0 else {
            throw TestFailure("process \(pid) cannot be sent signal \(signal)")
        }
    }

    private static func entry(_ pid: Int) -> Entry? {
        guard let stat = contents(of: "/proc/\(pid)/stat"), let nameEnd = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[nameEnd...].split(separator: " ")
        guard fields.count > 2, let state = fields[1].first, let parent = Int(fields[2]) else { return nil }
        let command = (contents(of: "/proc/\(pid)/cmdline") ?? "").split(separator: "\0").map(String.init)
        return Entry(pid: pid, parent: parent, state: state, command: command)
    }

    private static func contents(of file: String) -> String? {
        FileManager.default.contents(atPath: file).map { String(decoding: $0, as: UTF8.self) }
    }
}
