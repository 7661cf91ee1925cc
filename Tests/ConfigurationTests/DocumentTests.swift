import ControllerConfiguration
import Testing

/// What is wrong with the file as YAML, and how mistakes are told.
@Suite("Document")
struct DocumentTests {
    @Test func everyMistakeIsToldInOneGoInTheOrderOfLines() {
        let text = """
            limits:
              queue: -1
              body: much
            models:
              a:
                alias: [b]
                concurrency: many
            pool: [1]
            """
        #expect(
            mistakes(text) == [
                "2: limits.queue is '-1'; write a whole number from 1 to 1000000",
                "3: limits.body is 'much'; write a size above zero as in 256MiB, 1.5GiB, 4GB, 500kB, or a number of bytes",
                "5: models.a has no path; add 'path:' with a folder or a hub id",
                "6: unknown key 'alias'; did you mean 'aliases'?",
                "7: models.a.concurrency is 'many'; write a whole number from 1 to 1000000",
                "8: pool is a list; write a mapping: 'key: value' lines, further to the right than the line above",
            ])
    }

    @Test func aMistakeSaysFileLineProblemAndRemedy() throws {
        let errors = try #require(throws: ConfigurationErrors.self) { try parse("\n\nlisten: nonsense") }
        let error = try #require(errors.errors.first)
        #expect(errors.errors.count == 1)
        #expect(error.file == file)
        #expect(error.line == 3)
        #expect(error.problem == "listen is 'nonsense'")
        #expect(error.description == "\(file):3: \(error.problem); \(error.remedy)")
        #expect(errors.description == error.description)
    }

    @Test(arguments: [
        Mistake("listne: x", "1: unknown key 'listne'; did you mean 'listen'?"),
        Mistake(
            "models:\n  a:\n    path: ./a\n    start-timeout: 1s",
            "4: unknown key 'start-timeout'; did you mean 'start_timeout'?"),
        Mistake("limits:\n  watermark: 3", "2: unknown key 'watermark'; the keys here are body, queue, queue_bytes"),
        Mistake(
            "- a",
            "1: the file is a list; write a mapping: 'key: value' lines, further to the right than the line above"),
        Mistake(
            "models: {a: ./a}",
            "1: models.a is './a'; write a mapping: 'key: value' lines, further to the right than the line above"),
        Mistake("limits:\n  ? [a]\n  : 1", "2: a key in limits is not a word; write 'key: value'"),
        Mistake(
            "models:\n  a: &a {path: ./a}\n  b:\n    <<: *a\n    path: ./b",
            "4: merge keys ('<<') are not understood; write the settings out, or use an alias (*name) for a whole value"
        ),
    ])
    func keysAndShapes(mistake: Mistake) {
        #expect(mistakes(mistake.text) == mistake.expected)
    }

    @Test(arguments: [
        Mistake(
            "models:\n  a:\n    path: ./a\n    pin: true\n  b: {path: ./b}\n  a:\n    path: ./c",
            "6: the key 'a' is given a second time; the first is on line 2; keep one of them"),
        Mistake(
            "limits:\n  queue: 1\n  # queue: 2\n  body: 1\n  \"queue\": 3\npool: {}",
            "5: the key 'queue' is given a second time; the first is on line 2; keep one of them"),
        Mistake(
            "limits:\r\n  queue: 1\r\n  body: 1\r\n  body: 2\r\n  queue: 3",
            "4: the key 'body' is given a second time; the first is on line 3; keep one of them",
            "5: the key 'queue' is given a second time; the first is on line 2; keep one of them"),
        Mistake(
            "devices:\n  - id: a\n    id: b\n  - id: c\n    cores: 1",
            "3: the key 'id' is given a second time; the first is on line 2; keep one of them"),
        Mistake(
            "devices:\n  - id: a\n    cores: 1\n  - cores: 2\n    cores: 3",
            "5: the key 'cores' is given a second time; the first is on line 4; keep one of them"),
        Mistake("limits: {queue: 1, queue: 2}", "1: the key 'queue' is given twice; keep one of them"),
    ])
    func aKeyGivenTwice(mistake: Mistake) {
        #expect(mistakes(mistake.text) == mistake.expected)
    }

    @Test(arguments: [
        ("models:\n\ta: 1", 2),
        ("listen: x\nmodels: {a: [}", 2),
        ("listen: \"open", 1),
        ("models: *nothing", 1),
        ("listen: 127.0.0.1:1\n---\nlisten: 127.0.0.1:2", 2),
        ("listen: a\npool: \u{7}", 2),
    ])
    func whatIsNotYAMLIsToldWithItsLine(text: String, line: Int) throws {
        let errors = try #require(throws: ConfigurationErrors.self) { try parse(text) }
        #expect(errors.errors.count == 1)
        #expect(errors.errors.first?.line == line)
        #expect(errors.errors.first?.problem.hasPrefix("not valid YAML: ") == true)
    }

    @Test func aliasesOfWholeValuesWork() throws {
        let configuration = try parse(
            """
            models:
              a: {path: ./a, arguments: &small {max-model-len: 8}}
              b: {path: ./b, arguments: *small}
            """)
        #expect(configuration.models.map { $0.arguments } == Array(repeating: ["max-model-len": .integer(8)], count: 2))
    }
}
