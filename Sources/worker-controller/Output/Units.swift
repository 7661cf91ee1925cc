import Foundation

/// How figures are shown to people. A figure that is not known is `-`.
enum Units {
    /// In MiB below one GiB, with one decimal.
    static func bytes(_ count: Int?) -> String {
        guard let count else { return "-" }
        let mebibytes = Double(count) / 1_048_576
        return mebibytes < 1024 ? decimal(mebibytes) + " MiB" : decimal(mebibytes / 1024) + " GiB"
    }

    static func milliseconds(_ value: Double?) -> String {
        value.map { decimal($0) + " ms" } ?? "-"
    }

    /// In the two largest units that are not zero.
    static func age(seconds: Double) -> String {
        let whole = Int(max(0, seconds))
        let (hours, minutes) = (whole / 3600, whole / 60 % 60)
        if hours >= 24 { return "\(hours / 24)d \(hours % 24)h" }
        if hours > 0 { return "\(hours)h \(minutes)m" }
        return minutes > 0 ? "\(minutes)m \(whole % 60)s" : "\(whole)s"
    }

    static func decimal(_ value: Double) -> String {
        String(format: "%.1f", value)
    }

    /// `1 model`, `2 models`.
    static func count(_ count: Int, _ noun: String) -> String {
        "\(count) \(noun)\(count == 1 ? "" : "s")"
    }

    static func number(_ value: Int?) -> String {
        value.map(String.init) ?? "-"
    }

    static func name(_ value: String?) -> String {
        value.flatMap { $0.isEmpty ? nil : $0 } ?? "-"
    }
}
