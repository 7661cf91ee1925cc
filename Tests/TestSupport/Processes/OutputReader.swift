import Foundation

/// Reads what a process writes into a pipe, as it comes.
final class OutputReader: Sendable {
    struct Written: Sendable {
        var bytes: [UInt8] = []
        var isComplete = false

        var text: String { String(decoding: bytes, as: UTF8.self) }
        /// Whole lines only.
        var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() }
    }

    let text = Watched(Written())
    /// The end that the process gets.
    let writer: Int32
    private let reader: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw TestFailure("pipe: \(String(cString: strerror(errno)))") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        (reader, writer) = (ends[0], ends[1])
    }

    /// Call once, when the process has its end.
    func begin() {
        close(writer)
        // A thread of its own, because it waits in the kernel. It ends with the process.
        Thread.detachNewThread { [reader, text] in
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            while case let count = read(reader, &buffer, buffer.count), count > 0 {
                let bytes = buffer.prefix(count)
                text.update { $0.bytes += bytes }
            }
            close(reader)
            text.update { $0.isComplete = true }
        }
    }
}
