/// The stages of several starts of one kind.
package enum StageTimes {
    /// In the order in which they were first told.
    package static func byStage(_ starts: [[TimedStage]]) -> [(stage: String, milliseconds: [Double])] {
        var order: [String] = []
        var times: [String: [Double]] = [:]
        for stage in starts.joined() {
            if times[stage.stage] == nil { order.append(stage.stage) }
            times[stage.stage, default: []].append(stage.milliseconds)
        }
        return order.map { ($0, times[$0] ?? []) }
    }
}
