import Scheduling

/// The value of a `Server-Timing` header: `queue;dur=12.3, lease;dur=4.0`.
enum ServerTiming {
    static func value(_ stages: [StageTime]) -> String {
        stages.map { "\($0.stage);dur=\(tenths($0.milliseconds))" }.joined(separator: ", ")
    }

    /// Milliseconds with one decimal. By hand: the hot path has no use for a formatter.
    private static func tenths(_ milliseconds: Double) -> String {
        // A reading that makes no sense must not stop an answer; a day is more than any stage takes.
        let bounded = milliseconds.isFinite ? min(max(milliseconds, 0), 86_400_000) : 0
        let tenths = Int((bounded * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
