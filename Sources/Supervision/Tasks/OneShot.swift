/// Something that happens once, and that several may wait for.
public actor OneShot {
    private var hasHappened = false
    private var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
    private var lastWaiter = 0

    public init() {}

    public func happen() {
        hasHappened = true
        for waiter in waiters.values { waiter.resume() }
        waiters = [:]
    }

    /// Waits until it has happened, at most so long. Says whether it has.
    @discardableResult
    public func wait(atMost limit: Duration) async -> Bool {
        if hasHappened { return true }
        lastWaiter += 1
        let id = lastWaiter
        let timer = Task {
            try? await Task.sleep(for: limit)
            self.giveUp(id)
        }
        await withCheckedContinuation { waiters[id] = $0 }
        timer.cancel()
        return hasHappened
    }

    private func giveUp(_ id: Int) {
        waiters.removeValue(forKey: id)?.resume()
    }
}
