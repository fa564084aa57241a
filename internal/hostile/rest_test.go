package hostile

// The cases by what is wrong.
var wordCases, nameCases, numberCases, bodyCases, changeCases, floodCases []hostility
