@preconcurrency import Dispatch
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
        let source = DispatchSource.makeReadSource(fileDescriptor: reader, queue: .global())
        source.setCancelHandler { [reader] in close(reader) }
        source.setEventHandler { [source, reader, text] in
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            let count = read(reader, &buffer, buffer.count)
            guard count > 0 else {
                source.cancel()
                return text.update { $0.isComplete = true }
            }
            let bytes = buffer.prefix(count)
            text.update { $0.bytes += bytes }
        }
        source.activate()
    }
}
