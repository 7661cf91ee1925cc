/// Metrics in Prometheus' text format, version 0.0.4.
public struct PrometheusText: Sendable {
    enum Kind: String {
        case counter, gauge, histogram
    }

    public private(set) var text = ""

    public init() {}

    mutating func describe(_ name: String, _ kind: Kind, _ help: String) {
        text += "# HELP \(name) \(Self.escaped(help))\n# TYPE \(name) \(kind.rawValue)\n"
    }

    mutating func sample(_ name: String, _ labels: [(name: String, value: String)], _ value: String) {
        let pairs = labels.map { "\($0.name)=\"\(Self.escaped($0.value, quotes: true))\"" }
        text += name + (pairs.isEmpty ? "" : "{\(pairs.joined(separator: ","))}") + " \(value)\n"
    }

    private static func escaped(_ text: String, quotes: Bool = false) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    /// Whole numbers without a fraction.
    static func number(_ value: Double) -> String {
        if value == .infinity { return "+Inf" }
        return value.magnitude < 1e15 && value == value.rounded() ? String(Int(value)) : String(value)
    }
}

/// Something that is written as one family of samples.
public protocol Metric: Sendable {
    func write(to text: inout PrometheusText)
}

extension Metric {
    static func labels(_ names: [String], _ values: [String]) -> [(name: String, value: String)] {
        zip(names, values).map { (name: $0, value: $1) }
    }
}
