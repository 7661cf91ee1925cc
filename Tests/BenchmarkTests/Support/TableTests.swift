import Testing

@testable import BenchmarkSupport

@Suite struct TableTests {
    @Test func barsJudgeTheWorseEnd() {
        #expect(Bar("", 8, .atLeast, 8, "").isMet)
        #expect(!Bar("", 7.99, .atLeast, 8, "").isMet)
        #expect(Bar("", 40, .atMost, 40, "").isMet)
        #expect(!Bar("", 1, .below, 1, "").isMet)
        #expect(!Bar("", .nan, .below, 1, "").isMet)
    }

    @Test func columns() {
        var table = TextTable(["name"] + TextTable.sampleColumns)
        #expect(table.isEmpty)
        table.add("nothing", [])
        #expect(table.isEmpty)
        table.add("longer name", [1, 2, 3])
        #expect(
            table.text == """
                name         n  median  p90  least  most
                longer name  3     2.0  2.8    1.0   3.0
                """)
    }

    @Test func stagesComeInTheOrderInWhichTheyWereFirstTold() {
        let stages = StageTimes.byStage([
            [TimedStage(stage: "queue", milliseconds: 3), TimedStage(stage: "load", milliseconds: 2)],
            [TimedStage(stage: "attach", milliseconds: 7), TimedStage(stage: "queue", milliseconds: 4)],
        ])
        #expect(stages.map(\.stage) == ["queue", "load", "attach"])
        #expect(stages.map(\.milliseconds) == [[3, 4], [2], [7]])
    }
}
