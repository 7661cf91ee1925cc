import Foundation

/// Memory that the kernel counts as this process's own, kept until it is given back or the process ends.
struct OwnedMemory: Sendable {
    private let address: UInt
    private let bytes: Int

    /// Maps and touches so many bytes, on a thread of its own, so that nothing else waits.
    @discardableResult
    static func take(bytes: Int) async throws -> OwnedMemory {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<OwnedMemory, any Error>) in
            guard bytes > 0 else { return continuation.resume(returning: OwnedMemory(address: 0, bytes: 0)) }
            DispatchQueue(label: "load").async {
                let start = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                guard let start, start != MAP_FAILED else {
                    continuation.resume(throwing: MemoryError(bytes: bytes, reason: errnoText(errno)))
                    return
                }
                memset(start, 1, bytes)
                continuation.resume(returning: OwnedMemory(address: UInt(bitPattern: start), bytes: bytes))
            }
        }
    }

    /// To be called once: the memory is gone then.
    func giveBack() {
        guard bytes > 0 else { return }
        munmap(UnsafeMutableRawPointer(bitPattern: address), bytes)
    }
}

/// The memory for the weights is not to be had.
private struct MemoryError: Error, CustomStringConvertible {
    let bytes: Int
    let reason: String

    var description: String { "\(bytes) bytes of memory: \(reason)" }
}
