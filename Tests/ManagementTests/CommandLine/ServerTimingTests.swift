import Scheduling
import Testing

@testable import worker_controller

struct ServerTimingTests {
    private struct Example: Sendable {
        let header: String
        let stages: [StageTime]

        init(_ header: String, _ stages: KeyValuePairs<String, Double>) {
            self.header = header
            self.stages = stages.map { StageTime(stage: $0.key, milliseconds: $0.value) }
        }
    }

    @Test(arguments: [
        Example("queue;dur=0.1, load;dur=812.5", ["queue": 0.1, "load": 812.5]),
        Example(#"queue ; dur=1,load;desc="a, b; dur=9";DUR="2.5""#, ["queue": 1, "load": 2.5]),
        Example("hit, queue;desc=x, load;dur=nonsense, warm;dur=3", ["warm": 3]),
        Example(#"a;desc="\", b;dur=1";dur=2"#, ["a": 2]),
        Example("config;dur=1, config;dur=2", ["config": 1, "config": 2]),
        Example("", [:]), Example(",;dur=1,", [:]),
    ])
    private func stages(example: Example) {
        #expect(ServerTiming.stages(in: example.header) == example.stages)
    }
}
