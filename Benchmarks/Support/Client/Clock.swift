package typealias Instant = ContinuousClock.Instant

extension Duration {
    package var milliseconds: Double {
        Double(components.seconds) * 1e3 + Double(components.attoseconds) / 1e15
    }
}

extension Instant {
    /// Milliseconds from `earlier` to this.
    package func milliseconds(since earlier: Instant) -> Double { earlier.duration(to: self).milliseconds }
}
