/// How long things took, by the values of its labels.
public struct Histogram: Metric {
    private struct Series {
        /// One for each bound, and one for what is above all of them.
        var counts: [Int]
        var sum = 0.0
    }

    public let name: String
    private let help: String
    private let labels: [String]
    /// The upper ends of the buckets, in ascending order.
    private let bounds: [Double]
    private var series: [[String]: Series] = [:]

    /// - Parameters:
    ///   - name: with the unit at its end.
    ///   - known: label values that are written before anything was observed.
    public init(_ name: String, _ help: String, labels: [String] = [], bounds: [Double], known: [[String]] = [[]]) {
        self.name = name
        self.help = help
        self.labels = labels
        self.bounds = bounds
        for values in known where values.count == labels.count { series[values] = empty }
    }

    private var empty: Series { Series(counts: Array(repeating: 0, count: bounds.count + 1)) }

    public mutating func observe(_ value: Double, _ values: String...) {
        precondition(values.count == labels.count, "a value for each label")
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        var observed = series[values] ?? empty
        observed.counts[bucket] += 1
        observed.sum += value
        series[values] = observed
    }

    public func write(to text: inout PrometheusText) {
        text.describe(name, .histogram, help)
        for (values, series) in series.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            let labels = Self.labels(labels, values)
            var count = 0
            for (bound, more) in zip(bounds + [.infinity], series.counts) {
                count += more
                let bucket = labels + [(name: "le", value: PrometheusText.number(bound))]
                text.sample(name + "_bucket", bucket, String(count))
            }
            text.sample(name + "_sum", labels, PrometheusText.number(series.sum))
            text.sample(name + "_count", labels, String(count))
        }
    }
}
