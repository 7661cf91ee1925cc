import Synchronization

/// What the bodies of waiting requests hold together, over all event loops.
final class BufferedBytes: Sendable {
    private let limit: Int
    private let held = Atomic<Int>(0)

    init(limit: Int) { self.limit = limit }

    /// Bytes held now.
    var count: Int { held.load(ordering: .relaxed) }

    /// One request's part. Given back by `release`, or at the latest when it goes out of existence.
    struct Share: ~Copyable {
        private let total: BufferedBytes
        private var count = 0

        init(of total: BufferedBytes) { self.total = total }

        /// Says false, and takes nothing, where the limit is reached.
        mutating func grow(by bytes: Int) -> Bool {
            guard total.take(bytes) else { return false }
            count += bytes
            return true
        }

        mutating func release() {
            total.give(count)
            count = 0
        }

        deinit { total.give(count) }
    }

    private func take(_ bytes: Int) -> Bool {
        let (_, now) = held.add(bytes, ordering: .relaxed)
        if now <= limit { return true }
        give(bytes)
        return false
    }

    private func give(_ bytes: Int) { held.subtract(bytes, ordering: .relaxed) }
}
