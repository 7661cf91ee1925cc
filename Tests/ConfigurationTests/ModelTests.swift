import ControllerConfiguration
import Foundation
import Testing

@Suite("Models")
struct ModelTests {
    @Test(arguments: [
        ("/models/a", "/models/a", false), ("./a", "/nowhere/a", false), ("../a", "/nowhere/../a", false),
        ("org/name", "org/name", true), ("Qwen/Qwen2.5-0.5B_x", "Qwen/Qwen2.5-0.5B_x", true), ("name", "name", true),
    ])
    func aFolderOrAHubID(path: String, read: String, isHubID: Bool) throws {
        let model = try #require(try parse("models: {a: {path: \(path)}}").models.first)
        #expect(model.path == read)
        #expect(model.isHubID == isHubID)
    }

    @Test func whatIsThereBesideTheFileIsAFolder() throws {
        try withFolder { folder in
            for name in ["here", "models/a/b"] {
                try FileManager.default.createDirectory(atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
            }
            let configuration = try Configuration.parse(
                """
                models:
                  a: {path: here}
                  b: {path: models/missing}
                  c: {path: models/a/b/c}
                  d: {path: org/missing}
                  e: {path: missing}
                """, file: folder + "/wc.yaml")
            #expect(
                configuration.models.map(\.path) == [
                    folder + "/here", folder + "/models/missing", folder + "/models/a/b/c", "org/missing", "missing",
                ])
            #expect(configuration.models.map(\.isHubID) == [false, false, false, true, true])
        }
    }

    @Test func theOnlyRuntimeNeedNotBeNamed() throws {
        let text = "runtimes: {sim: {program: ./sim}}\nmodels: {a: {path: ./a}}"
        #expect(try parse(text).models.first?.runtime == "sim")
    }

    @Test(arguments: [("off", nil), ("90s", Duration.seconds(90)), ("500ms", .milliseconds(500))])
    func anIdleTimeoutCanBeSwitchedOff(text: String, expected: Duration?) throws {
        let model = try #require(try parse("models: {a: {path: ./a, idle_timeout: \(text)}}").models.first)
        #expect(model.idleTimeout == expected)
    }

    @Test(arguments: [("times", false), ("contents", true)])
    func howAChangeIsNoticed(word: String, verifiesContents: Bool) throws {
        let model = try #require(try parse("models: {a: {path: ./a, verify: \(word)}}").models.first)
        #expect(model.verifiesContents == verifiesContents)
    }

    @Test(arguments: [
        ("tensor_parallel_size: 64", 64, ExecutorChoice.auto), ("executor: remote", 1, .remote),
        ("executor: in-process, tensor_parallel_size: 1", 1, .inProcess),
        ("executor: remote, tensor_parallel_size: 2", 2, .remote),
    ])
    func workersOfAnEngine(settings: String, size: Int, executor: ExecutorChoice) throws {
        let model = try #require(try parse("models: {a: {path: ./a, \(settings)}}").models.first)
        #expect(model.tensorParallelSize == size)
        #expect(model.executor == executor)
    }

    @Test(arguments: [
        Mistake(
            "models:\n  a:\n    path: ./a\n    tensor_parallel_size: 0",
            "4: models.a.tensor_parallel_size is '0'; write a whole number from 1 to 64"),
        Mistake(
            "models:\n  a:\n    path: ./a\n    tensor_parallel_size: 65",
            "4: models.a.tensor_parallel_size is '65'; write a whole number from 1 to 64"),
        Mistake(
            "models:\n  a:\n    path: ./a\n    tensor_parallel_size: 2\n    executor: in-process",
            "5: models.a.executor is in-process, which has one worker, and tensor_parallel_size is 2; use auto or remote, or "
                + "leave tensor_parallel_size out"),
        Mistake("models:\n  a:", "2: models.a has no path; add 'path:' with a folder or a hub id"),
        Mistake(
            "models:\n  a:\n    path: x/y/z",
            "3: models.a.path is 'x/y/z', which is no folder that exists and no hub id; write a folder as ./x/y/z, or a hub "
                + "id as ORGANISATION/NAME"),
        Mistake(
            "runtimes: {one: {program: a}, two: {program: b}}\nmodels:\n  a: {path: ./a}\n  b: {path: ./b, runtime: tow}",
            "3: models.a does not say which runtime serves it, and there are 2; add 'runtime:' with one of one, two",
            "4: there is no runtime 'tow'; did you mean 'two'?"),
        Mistake(
            "models:\n  a:\n    path: ./a\n    runtime: something",
            "4: there is no runtime 'something'; use one of vllm, or add it under 'runtimes'"),
        Mistake(
            "runtimes:\n  sim: {}\nmodels:\n  a: {path: ./a, runtime: sim}",
            "2: runtimes.sim has no program to start; add 'python: .venv/bin/python' (the environment with vLLM), or "
                + "'program: PATH' for another runtime"),
        Mistake(
            "models:\n  a:\n    path: ./a\n    executor: ray",
            "4: models.a.executor is 'ray'; write one of auto, in-process, remote"),
        Mistake(
            "models:\n  a:\n    path: ./a\n    idle_timeout: soon\n    template: perhaps\n    verify: hashes",
            "4: models.a.idle_timeout is 'soon'; write a duration of at most 8760h as in 300s, 10m, 500ms or 1h",
            "5: models.a.template is 'perhaps'; write true or false",
            "6: models.a.verify is 'hashes'; write one of times, contents"),
        Mistake(
            "models:\n  a: {path: ./a, replicas: 64}\n  b:\n    path: ./b\n    replicas: 65\n  c:\n    path: ./c\n"
                + "    replicas: 0",
            "5: models.b.replicas is '65'; write a whole number from 1 to 64",
            "8: models.c.replicas is '0'; write a whole number from 1 to 64"),
        Mistake(
            "models:\n  a:\n    path: ./a\n    idle_timeout: 0s",
            "4: models.a.idle_timeout is '0s'; write a duration above zero as in 300s"),
        Mistake(
            "models:\n  a:\n    path: ./a\n    aliases: b",
            "4: models.a.aliases is 'b'; write a list of names in square brackets"),
    ])
    func mistakenModels(mistake: Mistake) {
        #expect(mistakes(mistake.text) == mistake.expected)
    }

    @Test(arguments: [
        Mistake(
            "models:\n  a:\n    path: ./a\n    aliases: [x]\n  b:\n    path: ./b\n    aliases:\n      - y\n      - x",
            "9: the name 'x' is given a second time; the first is model 'a' on line 4; give every model names of its own"
        ),
        Mistake(
            "models:\n  a:\n    path: ./a\n    aliases: [b]\n  b: {path: ./b}",
            "4: the name 'b' is given a second time; the first is model 'b' on line 5; give every model names of its own"
        ),
        Mistake(
            "models:\n  a:\n    path: ./a\n    aliases: [x, a, x]",
            "4: the name 'a' is given a second time; the first is model 'a' on line 2; give every model names of its own",
            "4: the name 'x' is given a second time; the first is model 'a' on line 4; give every model names of its own"
        ),
        Mistake(
            "models:\n  e-3: {path: ./a}\n  b: {path: ./b, aliases: [e-15, e-x, e-]}",
            "2: 'e-3' looks like the id of an engine; use another name",
            "3: 'e-15' looks like the id of an engine; use another name"),
        Mistake(
            "models:\n  '': {path: ./a}\n  b c: {path: ./b}\n  d: {path: ./d, aliases: ['', ü]}",
            "2: a model's name is empty; use letters, digits and . _ : / -",
            "3: 'b c' cannot be the name of a model; use letters, digits and . _ : / -",
            "4: a model's name is empty; use letters, digits and . _ : / -",
            "4: 'ü' cannot be the name of a model; use letters, digits and . _ : / -"),
    ])
    func names(mistake: Mistake) {
        #expect(mistakes(mistake.text) == mistake.expected)
    }
}
