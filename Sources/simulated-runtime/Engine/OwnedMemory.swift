import Foundation

/// Memory that the kernel counts as this process's own, kept to its end.
enum OwnedMemory {
    /// Maps and touches so many bytes, on a thread of its own, so that nothing else waits.
    static func take(bytes: Int) async throws {
        guard bytes > 0 else { return }
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            DispatchQueue(label: "load").async {
                let start = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                guard let start, start != MAP_FAILED else {
                    continuation.resume(throwing: MemoryError(bytes: bytes, reason: errnoText(errno)))
                    return
                }
                memset(start, 1, bytes)
                continuation.resume()
            }
        }
    }
}

/// The memory for the weights is not to be had.
private struct MemoryError: Error, CustomStringConvertible {
    let bytes: Int
    let reason: String

    var description: String { "\(bytes) bytes of memory: \(reason)" }
}
