/// What was found out of one model.
struct SubjectResult: Codable {
    var starts: StartsPart.Result?
    var refill: RefillPart.Result?
    var answers: AnswersPart.Result?
    var steady: SteadyPart.Result?
}
