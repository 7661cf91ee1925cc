/// Counts what happened, by the values of its labels.
public struct Counter: Metric {
    public let name: String
    private let help: String
    private let labels: [String]
    private var counts: [[String]: Int] = [:]

    /// - Parameters:
    ///   - name: with `_total` at its end.
    ///   - known: label values that are written before anything happened: a rate needs the zero.
    public init(_ name: String, _ help: String, labels: [String] = [], known: [[String]] = [[]]) {
        self.name = name
        self.help = help
        self.labels = labels
        for values in known where values.count == labels.count { counts[values] = 0 }
    }

    public mutating func increment(_ values: String...) {
        precondition(values.count == labels.count, "a value for each label")
        counts[values, default: 0] += 1
    }

    public func write(to text: inout PrometheusText) {
        text.describe(name, .counter, help)
        for (values, count) in counts.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            text.sample(name, Self.labels(labels, values), String(count))
        }
    }
}
