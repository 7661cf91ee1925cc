import Synchronization

/// What the parts of a process know of it, and what it tells when it is asked; from any thread.
final class Vitals: Sendable {
    enum Service: UInt8, AtomicRepresentable {
        /// Not yet.
        case none
        case ready
        case asleep
        case parked
    }

    private let counter = Atomic<Int>(0)
    private let cache = Atomic<Int>(0)
    private let state = Atomic<Service>(.none)

    /// Counts what the process did.
    var progress: Int { counter.load(ordering: .relaxed) }

    /// The KV cache's resident bytes.
    var cacheBytes: Int { cache.load(ordering: .relaxed) }

    /// Whether its engine serves.
    var service: Service { state.load(ordering: .relaxed) }

    func add(_ amount: Int = 1) {
        counter.add(amount, ordering: .relaxed)
    }

    func hasCache(bytes: Int) {
        cache.store(bytes, ordering: .relaxed)
    }

    func serves(_ service: Service) {
        state.store(service, ordering: .relaxed)
    }
}
