/// How much there is now, by the values of its labels. Made anew for each scrape.
public struct Gauge: Metric {
    public let name: String
    private let help: String
    private let labels: [String]
    private var amounts: [[String]: Int] = [:]

    public init(_ name: String, _ help: String, labels: [String]) {
        self.name = name
        self.help = help
        self.labels = labels
    }

    public mutating func add(_ amount: Int, _ values: String...) {
        precondition(values.count == labels.count, "a value for each label")
        amounts[values, default: 0] += amount
    }

    public func write(to text: inout PrometheusText) {
        text.describe(name, .gauge, help)
        for (values, amount) in amounts.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            text.sample(name, Self.labels(labels, values), String(amount))
        }
    }
}
