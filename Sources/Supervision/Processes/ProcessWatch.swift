import CPlatform
@preconcurrency import Dispatch
import Glibc

/// One process, held by its pidfd: signals reach exactly this process, and its end is an event.
final class ProcessWatch: Sendable {
    let pid: Int
    /// Tells this process from a later one of the same pid.
    let startTime: UInt64?
    private let descriptor: Int32
    private let ended: AsyncStream<Void>
    private let source: any DispatchSourceRead

    /// Takes the descriptor over.
    init(pid: Int, descriptor: Int32) {
        self.pid = pid
        self.descriptor = descriptor
        startTime = ProcFS.startTime(pid: pid)
        let (ended, continuation) = AsyncStream<Void>.makeStream()
        self.ended = ended
        // NIO cannot read a pidfd; Dispatch only wants to know that it is readable, on a descriptor of its own, since it
        // may be closed only once the source is cancelled.
        let watched = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        source = DispatchSource.makeReadSource(fileDescriptor: watched, queue: .global())
        source.setCancelHandler { close(watched) }
        // It stays readable for ever, so once is enough.
        source.setEventHandler { [source] in
            continuation.finish()
            source.cancel()
        }
        source.activate()
    }

    deinit {
        source.cancel()
        close(descriptor)
    }

    /// - Returns: nil if there is no such process.
    static func open(pid: Int) -> ProcessWatch? {
        guard let kernelPid = pid_t(exactly: pid) else { return nil }
        let descriptor = wc_pidfd_open(kernelPid)
        return descriptor < 0 ? nil : ProcessWatch(pid: pid, descriptor: descriptor)
    }

    /// Waits for its end. One task only.
    ///
    /// - Returns: false if the task was cancelled: the process may live.
    @discardableResult
    func waitForEnd() async -> Bool {
        for await _ in ended {}
        return !Task.isCancelled
    }

    /// Whether it has ended or is dying, told of or not. The kernel takes a dying process's memory before its connections, so
    /// whoever saw one of these end is not faster than this.
    var isEnding: Bool {
        var state = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&state, 1, 0) == 1 || !ProcFS.hasMemory(pid: pid)
    }

    /// Ends the process, and what it started itself: it leads a group of its own.
    func kill() {
        let group = pid_t(pid)
        // While the process is there, reaped or not, its number is nobody else's.
        if wc_pidfd_signal(descriptor, 0) == 0, getpgid(group) == group { _ = Glibc.kill(-group, SIGKILL) }
        _ = wc_pidfd_signal(descriptor, SIGKILL)
    }

    /// If it was our child, or an orphan of one: how it ended, in words.
    func reap() -> String? {
        var status: Int32 = 0
        guard wc_reap(descriptor, &status) == 1 else { return nil }
        let signal = status & 0x7f
        return Self.describe(
            status: signal == 0 ? Int(status >> 8) & 0xff : nil, signal: signal == 0 ? nil : Int(signal))
    }

    /// The exit status of a process that ended because the other one of its engine did (docs/protocol.md).
    static let endedAfterPeer = describe(status: 5, signal: nil)

    static func describe(status: Int?, signal: Int?) -> String {
        if let signal { return "was ended by signal \(signal)" }
        if let status { return "ended with status \(status)" }
        return "ended"
    }
}
